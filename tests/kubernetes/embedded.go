//go:build !external

package main

import (
	"errors"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

// startEtcd returns the URL of an etcd in this process, and how to stop it.
func startEtcd(dir string) (string, func(), error) {
	client, peer, err := etcdURLs()
	if err != nil {
		return "", nil, err
	}
	config := embed.NewConfig()
	config.Dir = dir
	config.LogLevel = "error"
	config.UnsafeNoFsync = true // A test's data need not survive the machine.
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return "", nil, err
	}
	select {
	case <-etcd.Server.ReadyNotify():
		return client.String(), etcd.Close, nil
	case err := <-etcd.Err():
		return "", nil, err
	case <-time.After(time.Minute):
		etcd.Close()
		return "", nil, errors.New("not ready after a minute")
	}
}

// serve returns after SIGTERM or SIGINT.
func serve(arguments []string) error {
	command := app.NewAPIServerCommand()
	command.SetArgs(arguments)
	return command.Execute()
}
