//go:build external

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func init() {
	runtime.LockOSThread() // A child's parent, at whose death it is killed, is a thread.
}

// startEtcd returns the URL of an etcd of its own, and how to stop it.
func startEtcd(dir string) (string, func(), error) {
	client, peer, err := etcdURLs()
	if err != nil {
		return "", nil, err
	}
	etcd := asset("etcd", "--data-dir="+dir, "--log-level=error", "--unsafe-no-fsync",
		"--listen-client-urls="+client.String(), "--advertise-client-urls="+client.String(),
		"--listen-peer-urls="+peer.String(), "--initial-advertise-peer-urls="+peer.String(), "--initial-cluster=default="+peer.String())
	return client.String(), func() { stop(etcd) }, etcd.Start()
}

// serve returns after SIGTERM or SIGINT, or when kube-apiserver ends. It waits for etcd by itself.
func serve(arguments []string) error {
	server := asset("kube-apiserver", arguments...)
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM, syscall.SIGINT)
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case err := <-ended:
		return errors.Join(errors.New("kube-apiserver ended"), err)
	case <-told:
		return errors.Join(server.Process.Signal(syscall.SIGTERM), <-ended)
	}
}

// asset is a program of KUBEBUILDER_ASSETS that dies with this one.
func asset(name string, arguments ...string) *exec.Cmd {
	command := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), name), arguments...)
	command.Stderr = os.Stderr
	// A group of its own: Ctrl-C reaches this process only, which stops them in order.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	return command
}

func stop(command *exec.Cmd) {
	if command.Process.Signal(syscall.SIGTERM) == nil {
		time.AfterFunc(10*time.Second, func() { command.Process.Kill() })
		command.Wait()
	}
}
