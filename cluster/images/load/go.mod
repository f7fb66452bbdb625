module mlk8s.invalid/images/load

go 1.25.0
