package container

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// FromEnv returns cfg with Host and TLS as the environment says, by the
// variables that docker's own programs know:
//
//   - DOCKER_HOST is the Host. It stays as it is in cfg if the variable is
//     empty or not set. ssh:// is refused: see Config.Dial.
//   - DOCKER_CERT_PATH is a folder with ca.pem, cert.pem and key.pem, with which
//     a tcp:// or https:// Host is connected to: the authorities it is trusted
//     by, besides those that the system trusts, and who we are.
//   - DOCKER_TLS_VERIFY says whether the engine's certificate is verified. If it
//     is empty, as docker has it, anyone can play the engine.
//
// DOCKER_API_VERSION is ignored: the version is negotiated. Nothing else in this
// package reads the environment, so an application that wants none of this calls
// New alone. FromEnv keeps nothing; the files are read once. Its errors name the
// variable or the file. It may be called concurrently.
func FromEnv(cfg Config) (Config, error) {
	if host := os.Getenv("DOCKER_HOST"); host != "" {
		cfg.Host = host
	}
	kind, _, _ := strings.Cut(cfg.Host, "://")
	switch kind {
	case "tcp", "https":
	case "ssh":
		return cfg, fmt.Errorf("container: DOCKER_HOST: %w", errSSH)
	default:
		return cfg, nil
	}
	folder, verify := os.Getenv("DOCKER_CERT_PATH"), os.Getenv("DOCKER_TLS_VERIFY") != ""
	if folder == "" {
		if verify && cfg.TLS == nil && kind == "tcp" {
			return cfg, errors.New("container: DOCKER_TLS_VERIFY is set, but DOCKER_CERT_PATH is not")
		}
		return cfg, nil
	}
	var err error
	cfg.TLS, err = readTLS(folder, verify)
	return cfg, err
}

// readTLS makes a configuration of the files in folder.
func readTLS(folder string, verify bool) (*tls.Config, error) {
	own, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("container: DOCKER_CERT_PATH: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: !verify}
	if !verify {
		return config, nil
	}
	if config.RootCAs, err = x509.SystemCertPool(); err != nil {
		config.RootCAs = x509.NewCertPool()
	}
	file := filepath.Join(folder, "ca.pem")
	authorities, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("container: DOCKER_CERT_PATH: %w", err)
	}
	if !config.RootCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("container: DOCKER_CERT_PATH: %s holds no certificate", file)
	}
	return config, nil
}
