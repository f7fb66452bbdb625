package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// work trains or preprocesses: step by step until RUN_SECONDS are over, until GET /finish?code=N
// says that it is done, or until it is told to stop. Returns the exit code.
func work(ctx context.Context, role string, s settings) int {
	if s.fail == "exit" {
		slog.Error("told to fail at once", "code", s.failNumber)
		return s.failNumber
	}
	finished := make(chan int, 1)
	go listen(s, finished)
	hold(ctx, s)
	step := restore(s)
	slog.Info("begins", "work", role, "name", s.name, "version", s.version, "step", step)
	var end, crash <-chan time.Time
	if s.run > 0 {
		end = time.After(s.run)
	}
	if s.fail == "crash-after" {
		crash = time.After(seconds(float64(s.failNumber)))
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			step++
			keep(s, step)
			if step%10 == 0 {
				slog.Info("works", "step", step)
			}
		case <-end:
			slog.Info("done", "step", step)
			return 0
		case code := <-finished:
			slog.Info("told to finish", "step", step, "code", code)
			// Whoever said so gets an answer first.
			time.Sleep(200 * time.Millisecond)
			return code
		case <-crash:
			slog.Error("told to crash", "step", step)
			return 1
		case <-ctx.Done():
			keep(s, step)
			slog.Info("stopped", "step", step)
			return 143
		}
	}
}

func listen(s settings, finished chan<- int) {
	mux := http.NewServeMux()
	mux.HandleFunc("/finish", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.URL.Query().Get("code"))
		if err != nil {
			code = 0
		}
		answer(w, true, map[string]any{"finishing": code})
		select {
		case finished <- code:
		default:
		}
	})
	server := &http.Server{
		Addr: fmt.Sprintf(":%d", s.port), Handler: mux, ReadHeaderTimeout: 5 * time.Second,
	}
	if err := server.ListenAndServe(); err != nil {
		slog.Warn("cannot be told to finish", "error", err.Error())
	}
}

func checkpoint(s settings) string {
	return filepath.Join(s.checkpoints, s.name+".step")
}

// restore reads the step that an earlier run reached; 0 where there is none.
func restore(s settings) int {
	if s.checkpoints == "" {
		return 0
	}
	raw, err := os.ReadFile(checkpoint(s))
	if err != nil {
		return 0
	}
	step, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0
	}
	return step
}

// keep writes the step down whole, so that a run that is killed now leaves the step before.
func keep(s settings, step int) {
	if s.checkpoints == "" {
		return
	}
	path := checkpoint(s)
	err := os.WriteFile(path+".new", []byte(strconv.Itoa(step)), 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		slog.Error("cannot keep the checkpoint", "error", err.Error())
	}
}
