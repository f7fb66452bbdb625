// Command model stands in for the model images of the course: a server that loads a "model" and
// answers predictions, a trainer that works until it is done, and a preprocessor.
//
// What it does follows from how it is called, so that Pods may name a command of their own:
// `python train.py`, `model train`, `python serve.py`, or the image's default. How it behaves
// follows from the environment; see settings.go for every variable.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stdout, nil)))
	settings, err := fromEnvironment()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	role, err := roleOf(os.Args[1:], os.Getenv("MODEL_ROLE"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch role {
	case "serve":
		os.Exit(serve(ctx, settings))
	default:
		os.Exit(work(ctx, role, settings))
	}
}

// roleOf reads what to be from the arguments; without any, from what the image says.
func roleOf(arguments []string, fallback string) (string, error) {
	word := fallback
	for _, argument := range arguments {
		if argument == "-u" || argument == "-m" {
			continue
		}
		word = strings.TrimSuffix(filepath.Base(argument), ".py")
		break
	}
	switch word {
	case "serve", "server", "app", "main", "":
		return "serve", nil
	case "train", "trainer":
		return "train", nil
	case "preprocess", "preprocessor":
		return "preprocess", nil
	}
	return "", fmt.Errorf("there is no %q here: this stand-in image serves, trains or preprocesses", word)
}
