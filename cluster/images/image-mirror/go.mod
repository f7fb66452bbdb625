module mlk8s.invalid/images/image-mirror

go 1.25.0
