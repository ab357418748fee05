package loki

import "net/url"

// maxSOCKS bounds user name and password, RFC 1929, section 2.
const maxSOCKS = 255

// proxy returns the parsed ProxyURL; nil: none. What it refuses is not repeated in the error, which may hold a secret.
func (c Config) proxy() (*url.URL, error) {
	if c.ProxyURL == "" {
		return nil, nil
	}
	refuse := func(why string) (*url.URL, error) { return nil, wrong("ProxyURL", why) }
	u, err := url.Parse(c.ProxyURL)
	switch {
	case err != nil:
		return refuse("not a URL")
	case u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5":
		return refuse("does not begin with http://, https:// or socks5://")
	case u.Hostname() == "":
		return refuse("names no host")
	case !validPort(u.Port()):
		return refuse("port: want 1 to 65535")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("has more than a user, a host and a port")
	}
	if u.User != nil && u.Scheme == "socks5" {
		password, _ := u.User.Password()
		if user := u.User.Username(); user == "" || len(user) > maxSOCKS || len(password) > maxSOCKS {
			return refuse("user name or password: want 1 to 255 bytes for socks5")
		}
	}
	return u, nil
}
