package loki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
)

// TLSConfig is how an https URL is spoken to. The zero TLSConfig trusts the certificates that the system trusts, and has
// none of its own.
//
// New reads the files, and they are looked at before every request: when one has changed, new connections use what it
// holds, and those of before are closed as soon as they are idle. Files that make no sense, such as a certificate whose key
// is still to be written, change nothing until they do; [Sink.Health] says so. An https proxy is checked against CAFile as
// well, by its own name, and is not shown the certificate.
type TLSConfig struct {
	// CAFile holds the certificates, in PEM, of the authorities to trust in place of the system's.
	CAFile string
	// CertFile and KeyFile hold the certificate to authenticate with, with what lies between it and the authority, and its
	// key, in PEM.
	CertFile, KeyFile string
	// ServerName is the name to check the server's certificate for in place of the URL's host.
	ServerName string
	// InsecureSkipVerify takes any certificate: whoever sits in between can read and change everything.
	InsecureSkipVerify bool
}

// checkTLS checks which fields there are. The files are read later.
func (c Config) checkTLS() []error {
	var errs []error
	bad := func(field, why string) { errs = append(errs, wrong(field, why)) }
	if (c.TLSConfig.CertFile == "") != (c.TLSConfig.KeyFile == "") {
		bad("TLSConfig.KeyFile", "want both CertFile and KeyFile, or none")
	}
	secure := isHTTPS(c.URL)
	if c.TLSConfig != (TLSConfig{}) && !secure && !isHTTPS(c.ProxyURL) {
		bad("TLSConfig", "given, but URL does not begin with https://")
	}
	if c.HTTP2 && !secure {
		bad("HTTP2", "needs a URL that begins with https://")
	}
	return errs
}

func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https"
}

// security makes the settings of TLS out of files. It is used like credentials.
type security struct {
	cfg           TLSConfig
	proxy         string // the host of an https proxy
	ca, cert, key *file
	used          [3][]byte // what the current settings were made of
	checking      sync.Mutex
	problem       atomic.Pointer[error]
}

// open reads the files. It is called once, before any request.
func (s *security) open(cfg TLSConfig, proxy *url.URL) (main, via *tls.Config, err error) {
	s.cfg = cfg
	if proxy != nil && proxy.Scheme == "https" {
		s.proxy = proxy.Hostname()
	}
	s.ca = newFile("TLSConfig.CAFile", cfg.CAFile)
	s.cert = newFile("TLSConfig.CertFile", cfg.CertFile)
	s.key = newFile("TLSConfig.KeyFile", cfg.KeyFile)
	if _, err := s.load(); err != nil {
		return nil, nil, err
	}
	return s.make()
}

// refresh looks whether the files have changed, and if so, calls renew with new settings. It is called before every
// request.
func (s *security) refresh(renew func(main, via *tls.Config)) {
	if s.ca == nil && s.cert == nil || !s.checking.TryLock() {
		return
	}
	defer s.checking.Unlock()
	read, err := s.load()
	if !read && err == nil {
		return
	}
	if read && s.changed() {
		main, via, unfit := s.make()
		if unfit == nil {
			renew(main, via)
		}
		err = errors.Join(err, unfit)
	}
	if err != nil {
		s.problem.Store(&err)
		return
	}
	s.problem.Store(nil)
}

// load reads those files that may have changed.
func (s *security) load() (read bool, err error) {
	var errs []error
	for _, f := range []*file{s.ca, s.cert, s.key} {
		again, err := f.load(false)
		read = read || again
		errs = append(errs, err)
	}
	return read, errors.Join(errs...)
}

func (s *security) contents() [3][]byte {
	return [3][]byte{s.ca.bytes(), s.cert.bytes(), s.key.bytes()}
}

func (s *security) changed() bool {
	for i, content := range s.contents() {
		if !bytes.Equal(content, s.used[i]) {
			return true
		}
	}
	return false
}

// make makes the settings for Loki and for an https proxy out of what was read.
func (s *security) make() (main, via *tls.Config, err error) {
	main = &tls.Config{ServerName: s.cfg.ServerName, InsecureSkipVerify: s.cfg.InsecureSkipVerify}
	if s.ca != nil {
		main.RootCAs = x509.NewCertPool()
		if !main.RootCAs.AppendCertsFromPEM(s.ca.data) {
			return nil, nil, s.ca.errorf("%s: no certificate in it", s.ca.path)
		}
	}
	if s.proxy != "" {
		via = main.Clone()
		via.ServerName = s.proxy
	}
	if s.cert != nil {
		pair, err := tls.X509KeyPair(s.cert.data, s.key.data)
		if err != nil {
			return nil, nil, s.cert.errorf("%s with KeyFile %s: %w", s.cert.path, s.key.path, err)
		}
		// Also to a server that names other authorities: what it says then tells more than that there was none.
		main.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	s.used = s.contents()
	return main, via, nil
}

// err returns what is wrong with the files; nil: nothing, or there are none.
func (s *security) err() error {
	if p := s.problem.Load(); p != nil {
		return fmt.Errorf("%w (what was last read is used)", *p)
	}
	return nil
}
