package process

import "strings"

// A secretName is what a name ends in, in lower case and without separators, whose
// value is secret.
type secretName struct {
	text string
	word bool // it is a word of its own: not the end of another
	part bool // it follows another word
}

// secretNames are the names known to all Redactors. Plain "key", "auth", "session"
// and "signature" are not among them: they are more often something else.
var secretNames = []secretName{
	{text: "password"}, {text: "passwd"}, {text: "pwd"}, {text: "passphrase"}, {text: "passcode"},
	{text: "pass", word: true, part: true},
	{text: "secret"}, {text: "secrets"}, {text: "token"}, {text: "credential"}, {text: "credentials"},
	{text: "authorization"}, {text: "cookie"},
	{text: "apikey"}, {text: "accesskey"}, {text: "secretkey"}, {text: "privatekey"}, {text: "authkey"},
	{text: "signingkey"}, {text: "encryptionkey"}, {text: "sharedkey"}, {text: "accountkey"}, {text: "masterkey"},
	{text: "amzsignature"}, {text: "googsignature"},
}

// learn fills the list of names and the table of their ends, by which nearly all
// other names are known.
func (r *Redactor) learn(names []string) {
	r.names = [][]secretName{nil}
	add := func(n secretName) {
		end := &r.ends[endOf(n.text[len(n.text)-2], n.text[len(n.text)-1])]
		if *end == 0 {
			*end = uint16(len(r.names))
			r.names = append(r.names, nil)
		}
		r.names[*end] = append(r.names[*end], n)
	}
	if r.patterns&Credentials != 0 {
		for _, n := range secretNames {
			add(n)
		}
	}
	for _, name := range names {
		add(secretName{text: normal(name), word: true})
	}
}

// endOf is the place of two bytes in the table of ends, whatever their case.
func endOf(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// normal is a name in lower case without separators and the number at its end.
func normal(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(trimNumber(name)))
}

// trimNumber is name without digits at its end: password2 is a password.
func trimNumber(name string) string {
	for name != "" && isDigit(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	return name
}

// maxName is how much of a name is looked at.
const maxName = 64

// isSecret reports whether the value of a name is secret.
func (r *Redactor) isSecret(name string) bool {
	name = trimNumber(name)
	if len(name) < 2 {
		return false
	}
	names := r.names[r.ends[endOf(name[len(name)-2], name[len(name)-1])]]
	for i := range names {
		if names[i].ends(name) {
			return true
		}
	}
	return false
}

// ends reports whether name ends in n.
func (n *secretName) ends(name string) bool {
	i := len(name)
	for k := len(n.text) - 1; k >= 0; k-- {
		i--
		for i >= 0 && k < len(n.text)-1 && isJoint(name[i]) {
			i--
		}
		if i < 0 || lower(name[i]) != n.text[k] {
			return false
		}
	}
	if n.part && i == 0 {
		return false
	}
	return !n.word || i == 0 || isJoint(name[i-1]) || name[i] != lower(name[i]) && name[i-1] == lower(name[i-1])
}

func isJoint(c byte) bool { return c == '_' || c == '-' || c == '.' }
