// Command node-network connects the Pods of one node with those of all others.
//
// It runs on every node. From the API server it learns which addresses each node gives to its Pods;
// then it tells the container runtime how to make a Pod's interface (ptp, host-local, portmap), routes
// the other nodes' Pod addresses by way of those nodes, and lets Pods reach the world outside under
// the node's address. It does not enforce NetworkPolicy.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	account = "/var/run/secrets/kubernetes.io/serviceaccount"
	conf    = "/etc/cni/net.d/10-mlk8s.conflist"
	chain   = "MLK8S-EGRESS"
	period  = 3 * time.Second
)

type node struct {
	Metadata struct{ Name string }
	Spec     struct{ PodCIDR string }
	Status   struct {
		Addresses []struct{ Type, Address string }
	}
}

func (n node) address() string {
	for _, a := range n.Status.Addresses {
		if a.Type == "InternalIP" {
			return a.Address
		}
	}
	return ""
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	self, cluster := os.Getenv("NODE_NAME"), os.Getenv("POD_SUBNET")
	client, err := connect()
	if err != nil {
		log.Fatal(err)
	}
	said := ""
	for {
		if err := reconcile(ctx, client, self, cluster); err != nil {
			log.Printf("will try again: %v", err)
			said = ""
		} else if said == "" {
			said = "connected"
			log.Print(said)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(period):
		}
	}
}

func connect() (*http.Client, error) {
	raw, err := os.ReadFile(filepath.Join(account, "ca.crt"))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(raw)
	return &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}, nil
}

func nodes(ctx context.Context, client *http.Client) ([]node, error) {
	token, err := os.ReadFile(filepath.Join(account, "token"))
	if err != nil {
		return nil, err
	}
	// Not by way of the Service's address: that works only once kube-proxy does.
	server := os.Getenv("CONTROL_PLANE_ENDPOINT")
	if server == "" {
		server = os.Getenv("KUBERNETES_SERVICE_HOST") + ":" + os.Getenv("KUBERNETES_SERVICE_PORT")
	}
	request, err := http.NewRequestWithContext(ctx, "GET", "https://"+server+"/api/v1/nodes", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the API server says %s", answer.Status)
	}
	var list struct{ Items []node }
	return list.Items, json.NewDecoder(answer.Body).Decode(&list)
}

func reconcile(ctx context.Context, client *http.Client, self, cluster string) error {
	all, err := nodes(ctx, client)
	if err != nil {
		return err
	}
	known := false
	for _, n := range all {
		if n.Spec.PodCIDR == "" || n.address() == "" {
			continue
		}
		if n.Metadata.Name == self {
			known = true
			if err := writeConf(n.Spec.PodCIDR); err != nil {
				return err
			}
			continue
		}
		if err := run("ip", "route", "replace", n.Spec.PodCIDR, "via", n.address()); err != nil {
			return err
		}
	}
	if !known {
		return fmt.Errorf("node %q has no Pod addresses yet", self)
	}
	if services := os.Getenv("SERVICE_SUBNET"); services != "" {
		if err := keepInside(services); err != nil {
			return err
		}
	}
	return masquerade(cluster)
}

func writeConf(own string) error {
	text := fmt.Sprintf(`{
  "cniVersion": "0.4.0",
  "name": "mlk8s",
  "plugins": [
    {
      "type": "ptp",
      "ipMasq": false,
      "mtu": 1500,
      "ipam": {
        "type": "host-local",
        "dataDir": "/run/cni-ipam-state",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": "%s"}]]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`, own)
	if old, err := os.ReadFile(conf); err == nil && string(old) == text {
		return nil
	}
	if err := os.WriteFile(conf+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(conf+".new", conf)
}

// masquerade lets Pods reach the world outside under the node's address.
func masquerade(cluster string) error {
	nat := func(arguments ...string) error {
		return run("iptables", append([]string{"-w", "-t", "nat"}, arguments...)...)
	}
	if nat("-C", "POSTROUTING", "-s", cluster, "-j", chain) == nil {
		return nil
	}
	_ = nat("-N", chain)
	for _, rule := range [][]string{
		{"-F", chain},
		{"-A", chain, "-d", cluster, "-j", "RETURN"},
		{"-A", chain, "-m", "addrtype", "--dst-type", "LOCAL", "-j", "RETURN"},
		{"-A", chain, "-j", "MASQUERADE"},
		{"-A", "POSTROUTING", "-s", cluster, "-j", chain},
	} {
		if err := nat(rule...); err != nil {
			return err
		}
	}
	return nil
}

// keepInside refuses what is addressed to a Service that kube-proxy does not know yet: it must not
// leave the node, for somebody outside might answer. What kube-proxy knows has another address here.
func keepInside(services string) error {
	for _, parent := range []string{"OUTPUT", "FORWARD"} {
		rule := []string{parent, "-d", services, "-j", "REJECT"}
		if run("iptables", append([]string{"-w", "-C"}, rule...)...) == nil {
			continue
		}
		if err := run("iptables", append([]string{"-w", "-A"}, rule...)...); err != nil {
			return err
		}
	}
	return nil
}

func run(name string, arguments ...string) error {
	output, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, output)
	}
	return nil
}
