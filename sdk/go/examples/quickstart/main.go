package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"umoja.dev/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := umoja.Open(os.Args[1], os.Args[2:]...)
	if err != nil {
		log.Fatal(err)
	}
	email := fmt.Sprintf("ada-%d@example.com", time.Now().UnixNano())
	registered, err := client.Register(ctx, umoja.Register{Email: email, Password: "correct horse battery"})
	if err != nil {
		log.Fatal(err)
	}
	login, err := client.Authenticate(ctx, umoja.Authenticate{ID: registered.User.ID, Password: "correct horse battery"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(registered.User.ID, login.Authenticated)
}
