package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// settings are the environment variables that shape a container.
type settings struct {
	name, version string
	// PORT: where a server answers, and where a trainer can be told to finish.
	port int
	// MODEL_LOAD_SECONDS: how long the model takes to load; /ready says 503 until then.
	load time.Duration
	// MODEL_MEMORY_MIB: what the loaded model holds in memory, really touched.
	memory int
	// MODEL_CPU_MS: processor time that one prediction burns.
	burn time.Duration
	// RUN_SECONDS: how long a trainer works; 0 means until it is told to finish.
	run time.Duration
	// CHECKPOINT_DIR: where a trainer keeps its progress, to go on there after a restart.
	checkpoints string
	// MODEL_FAIL: `never-ready`, `not-live`, `exit=CODE`, `crash-after=SECONDS`, `oom` or empty.
	fail string
	// The number of `exit=` or `crash-after=`.
	failNumber int
}

func fromEnvironment() (settings, error) {
	s := settings{
		name:        get("MODEL_NAME", "model"),
		version:     get("MODEL_VERSION", "v0.0.0"),
		checkpoints: os.Getenv("CHECKPOINT_DIR"),
	}
	numbers := []struct {
		name     string
		fallback string
		take     func(float64)
	}{
		{"PORT", "8000", func(n float64) { s.port = int(n) }},
		{"MODEL_LOAD_SECONDS", "0", func(n float64) { s.load = seconds(n) }},
		{"MODEL_MEMORY_MIB", "0", func(n float64) { s.memory = int(n) }},
		{"MODEL_CPU_MS", "0", func(n float64) { s.burn = seconds(n / 1000) }},
		{"RUN_SECONDS", "0", func(n float64) { s.run = seconds(n) }},
	}
	for _, number := range numbers {
		value, err := strconv.ParseFloat(get(number.name, number.fallback), 64)
		if err != nil || value < 0 {
			return s, fmt.Errorf("%s must be a number that is not negative", number.name)
		}
		number.take(value)
	}
	var text string
	s.fail, text, _ = strings.Cut(os.Getenv("MODEL_FAIL"), "=")
	switch s.fail {
	case "", "never-ready", "not-live", "oom":
		return s, nil
	case "exit", "crash-after":
		var err error
		if s.failNumber, err = strconv.Atoi(text); err == nil && s.failNumber >= 0 {
			return s, nil
		}
	}
	return s, fmt.Errorf("MODEL_FAIL=%s is not a way to fail that is known here", os.Getenv("MODEL_FAIL"))
}

func get(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func seconds(n float64) time.Duration {
	return time.Duration(n * float64(time.Second))
}
