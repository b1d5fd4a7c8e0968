// Command apiserver runs a real kube-apiserver and its etcd on loopback, for tests. There is no kubelet and no
// controller: objects are validated, authorised, stored and watched as in a cluster, and nothing acts on them.
//
// It prints "ready KUBECONFIG" once /readyz answers. SIGTERM or SIGINT stops it; with -leash also the end of standard
// input, however its owner died, and the line "compact" there makes etcd forget all but the newest revision.
//
// With -pods there is also as much of a kubelet as port-forward needs, for whoever makes a node that names its port.
//
// A data directory can be served again after kill -9: address, certificates and tokens stay.
//
// Built plainly, both servers run in this process. Built with -tags external, they are the kube-apiserver and etcd in
// the folder that KUBEBUILDER_ASSETS names.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("apiserver: ")
	dir := flag.String("dir", "", "data directory to keep (default: a temporary one, removed at exit)")
	leash := flag.Bool("leash", false, "stop when standard input ends")
	pods := flag.String("pods", "", "ADDRESS that port-forward to any pod on a node leads to; the line \"kubelet PORT\" follows \"ready\"")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: apiserver [flags] [-- kube-apiserver flags]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*dir, *leash, *pods, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(dir string, leash bool, pods string, extra []string) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "apiserver-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(dir, name) }

	address, err := ownAddress(in("address"))
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if err := writeCertificates(in, net.ParseIP(host)); err != nil {
		return err
	}
	client, err := writeKubeconfig(in, "https://"+address)
	if err != nil {
		return err
	}
	etcd, stopEtcd, err := startEtcd(in("etcd"))
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer stopEtcd()

	arguments := []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + host, "--secure-port=" + port,
		"--tls-cert-file=" + in("tls.crt"), "--tls-private-key-file=" + in("tls.key"),
		"--token-auth-file=" + in("tokens.csv"), "--anonymous-auth=false",
		"--authorization-mode=Node,RBAC", "--allow-privileged",
		"--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + in("tls.key"), "--service-account-signing-key-file=" + in("tls.key"),
		"--shutdown-watch-termination-grace-period=1s", // Otherwise an open watch holds the end up for a minute.
		"--endpoint-reconciler-type=none",              // Endpoints refuse loopback addresses: no "kubernetes" service.
	}
	if leash {
		go obey(os.Stdin, etcd)
	}
	lines := []string{"ready " + in("kubeconfig")}
	if pods != "" {
		port, err := serveKubelet(in("tls.crt"), in("tls.key"), pods)
		if err != nil {
			return fmt.Errorf("kubelet: %w", err)
		}
		lines = append(lines, fmt.Sprintf("kubelet %d", port))
	}
	go announce(client, lines)
	return serve(append(arguments, extra...))
}

// ownAddress is a free port of loopback the first time, and the same one ever after.
func ownAddress(file string) (string, error) {
	known, err := os.ReadFile(file)
	if err == nil {
		return string(known), nil
	}
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	return address, os.WriteFile(file, []byte(address), 0o600)
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// etcdURLs are where an etcd listens, for clients and for the peers that it never has. Not port 0: it has to tell.
func etcdURLs() (client, peer url.URL, err error) {
	one, first := freeAddress()
	other, second := freeAddress()
	return url.URL{Scheme: "http", Host: one}, url.URL{Scheme: "http", Host: other}, errors.Join(first, second)
}

func announce(ready func() bool, lines []string) {
	for !ready() {
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Println(strings.Join(lines, "\n"))
}

// obey follows the lines of whoever holds the leash, and ends the process with them.
func obey(lines io.Reader, etcd string) {
	scanner := bufio.NewScanner(lines)
	for scanner.Scan() {
		switch word := strings.TrimSpace(scanner.Text()); word {
		case "compact":
			revision, err := compact(etcd)
			if err != nil {
				fmt.Println("failed", err)
			} else {
				fmt.Println("compacted", revision)
			}
		default:
			fmt.Printf("no such word: %q\n", word)
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		log.Fatal(err)
	}
}

// compact makes etcd forget every revision before its newest one, and returns that.
func compact(etcd string) (string, error) {
	var status struct {
		Header struct{ Revision string }
	}
	if err := ask(etcd+"/v3/maintenance/status", "{}", &status); err != nil {
		return "", err
	}
	revision := status.Header.Revision
	return revision, ask(etcd+"/v3/kv/compaction", fmt.Sprintf(`{"revision":%q,"physical":true}`, revision), nil)
}

// ask posts to etcd's JSON gateway.
func ask(url, body string, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(url + ": " + string(text))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
