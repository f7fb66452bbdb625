module mlk8s.invalid/images/pause

go 1.25.0
