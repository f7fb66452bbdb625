package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// serve answers /live, /ready and /predict until it is told to stop; returns the exit code.
func serve(ctx context.Context, s settings) int {
	if s.fail == "exit" {
		slog.Error("told to fail at once", "code", s.failNumber)
		return s.failNumber
	}
	var ready, leaving atomic.Bool
	server := &http.Server{
		Addr:              fmt.Sprintf(":%d", s.port),
		Handler:           endpoints(s, &ready, &leaving),
		ReadHeaderTimeout: 5 * time.Second,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	go func() {
		slog.Info("loading", "model", s.name, "version", s.version, "seconds", s.load.Seconds())
		hold(ctx, s)
		ready.Store(s.fail != "never-ready")
		slog.Info("loaded", "ready", ready.Load())
	}()
	var crash <-chan time.Time
	if s.fail == "crash-after" {
		crash = time.After(seconds(float64(s.failNumber)))
	}
	select {
	case err := <-failed:
		slog.Error("cannot serve", "error", err.Error())
		return 1
	case <-crash:
		slog.Error("told to crash")
		return 1
	case <-ctx.Done():
	}
	// Requests that are under way are answered; the Service sends no new ones for long.
	leaving.Store(true)
	slog.Info("stopping")
	patience, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		slog.Error("requests were cut off", "error", err.Error())
		return 1
	}
	return 0
}

func endpoints(s settings, ready, leaving *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.fail != "not-live", map[string]any{"live": s.fail != "not-live"})
	})
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		good := ready.Load() && !leaving.Load()
		answer(w, good, map[string]any{"ready": good, "version": s.version})
	})
	mux.HandleFunc("/predict", func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			answer(w, false, map[string]any{"error": "the model is not loaded"})
			return
		}
		burn(max(s.burn, asked(r)))
		answer(w, true, map[string]any{
			"label": "positive", "score": 0.91, "model": s.name, "version": s.version,
		})
	})
	return mux
}

// asked is how much processor time a request asks for, as the load generator writes it.
func asked(r *http.Request) time.Duration {
	milliseconds, err := strconv.ParseFloat(r.Header.Get("X-Model-Cpu-Ms"), 64)
	if err != nil || milliseconds < 0 || milliseconds > 10_000 {
		return 0
	}
	return time.Duration(milliseconds * float64(time.Millisecond))
}

// burn takes so much processor time: a container that is throttled needs longer for it.
func burn(d time.Duration) {
	if d <= 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spun := uint64(0)
	for end := threadTime() + d; threadTime() < end; {
		for i := 0; i < 2000; i++ {
			spun++
		}
		runtime.KeepAlive(spun)
	}
}

func threadTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(1, &usage); err != nil { // 1: RUSAGE_THREAD
		return time.Duration(math.MaxInt64)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func answer(w http.ResponseWriter, good bool, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	if !good {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("an answer was not taken", "error", err.Error())
	}
}

// model keeps what was loaded, so that it stays in memory.
var model [][]byte

// hold takes the time and the memory that loading costs. With MODEL_FAIL=oom it never stops taking.
func hold(ctx context.Context, s settings) {
	const step = 8 // MiB
	steps := (s.memory + step - 1) / step
	pause := s.load
	if steps > 0 {
		pause = s.load / time.Duration(steps)
	}
	for taken := 0; taken < steps || s.fail == "oom"; taken++ {
		block := make([]byte, step<<20)
		for at := 0; at < len(block); at += 4096 {
			block[at] = 1
		}
		model = append(model, block)
		if !wait(ctx, pause) {
			return
		}
	}
	if steps == 0 {
		wait(ctx, pause)
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
