module mlk8s.invalid/images/node-network

go 1.25.0
