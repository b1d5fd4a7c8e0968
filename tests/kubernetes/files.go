package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// writeKubeconfig gives the token of the first user in tokens.csv, by default an administrator,
// and returns a question with it: is the server ready?
func writeKubeconfig(in func(string) string, server string) (func() bool, error) {
	users, err := os.ReadFile(in("tokens.csv"))
	if errors.Is(err, os.ErrNotExist) {
		users = []byte(rand.Text() + ",admin,admin,system:masters\n")
		err = os.WriteFile(in("tokens.csv"), users, 0o600)
	}
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(in("ca.crt"))
	if err != nil {
		return nil, err
	}
	token, _, _ := strings.Cut(string(users), ",")
	type object = map[string]any
	text, err := json.MarshalIndent(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []object{{"name": "test", "cluster": object{"server": server, "certificate-authority-data": authority}}},
		"users":    []object{{"name": "admin", "user": object{"token": token}}},
		"contexts": []object{{"name": "test", "context": object{"cluster": "test", "user": "admin"}}},
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(in("kubeconfig"), text, 0o600); err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}},
	}
	return func() bool {
		request, err := http.NewRequest(http.MethodGet, server+"/readyz", nil)
		if err != nil {
			return false
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, nil
}

// writeCertificates makes an authority, whose key is then forgotten, and a serving certificate.
// The latter's key also signs service account tokens. Existing files stay.
func writeCertificates(in func(string) string, host net.IP) error {
	if _, err := os.Stat(in("tls.crt")); err == nil {
		return nil
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "test-authority"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		KeyUsage:     x509.KeyUsageCertSign,
		IsCA:         true, BasicConstraintsValid: true,
	}
	serving := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "kube-apiserver"},
		NotBefore:    authority.NotBefore,
		NotAfter:     authority.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{host},
		DNSNames:     []string{"localhost"},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return err
	}
	servingDER, err := x509.CreateCertificate(rand.Reader, serving, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(in("ca.crt"), "CERTIFICATE", authorityDER),
		writePEM(in("tls.key"), "EC PRIVATE KEY", keyDER),
		writePEM(in("tls.crt"), "CERTIFICATE", servingDER),
	)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
