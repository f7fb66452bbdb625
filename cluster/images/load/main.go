// Command load sends requests to Services, as many a second as it is told.
//
//	GET /load?target=http://web.ml-serving:80/predict&rate=120&cpu=8
//
// puts 120 requests a second on a Service until that is changed; rate=0 takes them away. Each
// request opens a connection of its own, so that the Service spreads them over its endpoints. `cpu`
// asks the stand-in model server to burn so many milliseconds of processor time for each. A target
// whose name has meant nothing for a minute is given up: its lab has ended. GET / tells the counts.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	inFlight = 200 // requests of one target at a time; a slow server gets no more
	patience = 5 * time.Second
	giveUp   = time.Minute
)

type stream struct {
	rate               float64
	sent, good, missed atomic.Int64
	stop               context.CancelFunc
}

type generator struct {
	mutex   sync.Mutex
	streams map[string]*stream
	client  *http.Client
}

func main() {
	dialer := &net.Dialer{Timeout: patience}
	g := &generator{
		streams: map[string]*stream{},
		client: &http.Client{
			Timeout:   patience,
			Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext},
		},
	}
	http.HandleFunc("GET /load", g.change)
	http.HandleFunc("GET /{$}", g.tell)
	log.Fatal(http.ListenAndServe(":8000", nil))
}

// change puts a rate on a target, in place of the one before.
func (g *generator) change(w http.ResponseWriter, r *http.Request) {
	target, query := r.URL.Query().Get("target"), r.URL.Query()
	rate, err := strconv.ParseFloat(query.Get("rate"), 64)
	if target == "" || err != nil || rate < 0 {
		http.Error(w, "target and rate, please", http.StatusBadRequest)
		return
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if old, there := g.streams[target]; there {
		old.stop()
		delete(g.streams, target)
	}
	if rate > 0 {
		ctx, stop := context.WithCancel(context.Background())
		s := &stream{rate: rate, stop: stop}
		g.streams[target] = s
		go g.send(ctx, target, query.Get("cpu"), s)
	}
	fmt.Fprintln(w, "ok")
}

// send keeps the rate: what was missed while the machine was busy is made up for within a second.
func (g *generator) send(ctx context.Context, target, cpu string, s *stream) {
	slots := make(chan struct{}, inFlight)
	var seen atomic.Int64
	seen.Store(time.Now().UnixNano())
	began, done := time.Now(), 0.0
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		due := time.Since(began).Seconds() * s.rate
		if due-done > s.rate+1 {
			done = due - s.rate
		}
		for ; done+1 <= due; done++ {
			select {
			case slots <- struct{}{}:
				go func() {
					defer func() { <-slots }()
					s.sent.Add(1)
					good, there := g.one(ctx, target, cpu)
					if good {
						s.good.Add(1)
					}
					if there {
						seen.Store(time.Now().UnixNano())
					}
				}()
			default:
				s.missed.Add(1)
			}
		}
		if time.Since(time.Unix(0, seen.Load())) > giveUp {
			g.mutex.Lock()
			if g.streams[target] == s {
				delete(g.streams, target)
			}
			g.mutex.Unlock()
			s.stop()
		}
	}
}

// one sends a request: whether it was answered well, and whether there is such a Service at all.
// One whose Pods are not ready yet is there, and waits for its load.
func (g *generator) one(ctx context.Context, target, cpu string) (good, there bool) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false, false
	}
	if cpu != "" {
		request.Header.Set("X-Model-Cpu-Ms", cpu)
	}
	answer, err := g.client.Do(request)
	if err != nil {
		var unknown *net.DNSError
		return false, !(errors.As(err, &unknown) && unknown.IsNotFound)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode < 500, true
}

// tell answers with what was sent so far, target by target.
func (g *generator) tell(w http.ResponseWriter, r *http.Request) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	told := map[string]map[string]any{}
	for target, s := range g.streams {
		told[target] = map[string]any{
			"rate": s.rate, "sent": s.sent.Load(), "good": s.good.Load(), "missed": s.missed.Load(),
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(told); err != nil {
		log.Print(err)
	}
}
