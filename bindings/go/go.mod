module groma

go 1.19
