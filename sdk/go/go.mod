module umoja.dev/sdk/go

go 1.19
