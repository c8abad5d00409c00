package umoja

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// leeway is how many seconds clocks may differ by.
	leeway = 5
	// maxLifetime is the most seconds between iat and exp.
	maxLifetime = 60
)

// rejected says what a token cannot be accepted for. The client makes an error of its own of it.
type rejected string

func (r rejected) Error() string { return string(r) }

// PublicKey is a key of a region, an entry of /.well-known/jwks.json.
type PublicKey struct {
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	X         string `json:"x"`
}

type requestClaims struct {
	Issuer   string          `json:"iss"`
	Audience string          `json:"aud"`
	IssuedAt int64           `json:"iat"`
	Expires  int64           `json:"exp"`
	ID       string          `json:"jti"`
	Method   string          `json:"htm"`
	URL      string          `json:"htu"`
	KeyHash  string          `json:"akh"`
	IDK      string          `json:"idk,omitempty"`
	Body     json.RawMessage `json:"body"`
}

// signingInput is the signed part of a request: header and claims.
func signingInput(company Company, url, path string, now int64, jti, idk string, body json.RawMessage) (string, error) {
	header := struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
		Type      string `json:"typ"`
	}{company.Algorithm, company.KeyID, "umoja-req+jwt"}
	claims := requestClaims{
		company.ID, url, now, now + maxLifetime, jti, "POST", url + path, sha256Text([]byte(company.APIKey)), idk, body,
	}
	first, err := marshal(header)
	if err != nil {
		return "", err
	}
	second, err := marshal(claims)
	return encode(first) + "." + encode(second), err
}

// marshal is json.Marshal without escapes for HTML.
func marshal(value any) (json.RawMessage, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), err
}

type answerClaims struct {
	issuedAt, expires, status int64
	body                      json.RawMessage
}

type expectedAnswer struct {
	url, company, jti, rqh string
	httpStatus             int
}

// checkAnswer checks all of an answer but its times.
func checkAnswer(token string, keys []PublicKey, expected expectedAnswer) (answerClaims, error) {
	var found answerClaims
	claims, err := verify(token, "umoja-res+jwt", keys)
	if err != nil {
		return found, err
	}
	for name := range claims {
		if !contains([]string{"iss", "aud", "iat", "exp", "rjti", "rqh", "status", "body"}, name) {
			return found, rejected("malformed")
		}
	}
	wanted := []struct{ name, value string }{
		{"iss", expected.url}, {"aud", expected.company}, {"rjti", expected.jti}, {"rqh", expected.rqh},
	}
	for _, one := range wanted {
		if value, ok := text(claims[one.name]); !ok || value != one.value {
			return found, rejected(one.name)
		}
	}
	for name, place := range map[string]*int64{"iat": &found.issuedAt, "exp": &found.expires, "status": &found.status} {
		if json.Unmarshal(claims[name], place) != nil || string(claims[name]) == "null" || *place < 0 {
			return found, rejected(name)
		}
	}
	body, ok := claims["body"]
	if !ok {
		return found, rejected("body")
	}
	if found.status != int64(expected.httpStatus) {
		return found, rejected("status")
	}
	found.body = body
	return found, nil
}

// checkTimes checks that an answer is of now.
func checkTimes(claims answerClaims, now int64) error {
	if claims.issuedAt > now+leeway {
		return rejected("iat")
	}
	lifetime := claims.expires - claims.issuedAt
	if claims.expires+leeway <= now || lifetime < 1 || lifetime > maxLifetime {
		return rejected("exp")
	}
	return nil
}

// verify checks the form of a token and its signature, and returns its claims.
func verify(token, typ string, keys []PublicKey) (map[string]json.RawMessage, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, rejected("malformed")
	}
	header, claims := object(parts[0]), object(parts[1])
	signature, ok := decode(parts[2])
	if header == nil || claims == nil || !ok {
		return nil, rejected("malformed")
	}
	for name := range header {
		if !contains([]string{"alg", "kid", "typ"}, name) {
			return nil, rejected("malformed")
		}
	}
	if found, _ := text(header["typ"]); found != typ {
		return nil, rejected("typ")
	}
	kid, _ := text(header["kid"])
	for _, key := range keys {
		if key.KeyID != kid {
			continue
		}
		// The algorithm is that of the key. A header never chooses it (RFC 8725 section 3.1).
		if alg, _ := text(header["alg"]); alg != key.Algorithm || alg != "EdDSA" {
			return nil, rejected("alg")
		}
		public, ok := decode(key.X)
		if !ok || len(public) != ed25519.PublicKeySize {
			return nil, rejected("kid")
		}
		if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
			return nil, rejected("signature")
		}
		return claims, nil
	}
	return nil, rejected("kid")
}

func object(part string) map[string]json.RawMessage {
	data, ok := decode(part)
	if !ok || !utf8.Valid(data) {
		return nil
	}
	var value map[string]json.RawMessage
	if json.Unmarshal(data, &value) != nil {
		return nil
	}
	return value
}

func text(value json.RawMessage) (string, bool) {
	var found *string
	if json.Unmarshal(value, &found) != nil || found == nil {
		return "", false
	}
	return *found, true
}

func contains(list []string, value string) bool {
	for _, one := range list {
		if one == value {
			return true
		}
	}
	return false
}

// encode is base64url without padding (RFC 7515 section 2).
func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// decode returns the bytes, if this is the one spelling that encode gives them.
func decode(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	return data, err == nil && encode(data) == text
}

// sha256Text is the unpadded base64url of SHA-256.
func sha256Text(data []byte) string {
	hash := sha256.Sum256(data)
	return encode(hash[:])
}
