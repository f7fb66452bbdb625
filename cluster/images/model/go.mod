module mlk8s.invalid/images/model

go 1.25.0
