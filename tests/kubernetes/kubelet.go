package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/kubelet/pkg/cri/streaming/portforward"
)

// pods leads whoever forwards a port of any pod to one address.
type pods string

// PortForward implements portforward.PortForwarder.
func (address pods) PortForward(ctx context.Context, _ string, _ types.UID, _ int32, stream io.ReadWriteCloser) error {
	there, err := new(net.Dialer).DialContext(ctx, "tcp", string(address))
	if err != nil {
		return err
	}
	defer there.Close()
	go func() {
		io.Copy(there, stream)
		there.Close()
	}()
	_, err = io.Copy(stream, there)
	return err
}

// serveKubelet plays a kubelet as far as port-forward goes, and returns its port. A node that names it has to be made.
func serveKubelet(certificate, key, address string) (int, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return 0, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	handler := func(answer http.ResponseWriter, request *http.Request) {
		// portForward, namespace, name.
		parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
		options, err := portforward.NewV4Options(request)
		if err != nil || len(parts) < 3 || parts[0] != "portForward" {
			http.Error(answer, "only port-forward is played", http.StatusBadRequest)
			return
		}
		portforward.ServePortForward(answer, request, pods(address), parts[2], "", options, time.Hour, 30*time.Second, portforward.SupportedProtocols)
	}
	// Upgrades are of HTTP/1.1.
	config := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	go http.Serve(tls.NewListener(listener, config), http.HandlerFunc(handler))
	return listener.Addr().(*net.TCPAddr).Port, nil
}
