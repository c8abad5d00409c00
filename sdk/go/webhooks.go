package umoja

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tolerance is by how many seconds a webhook may be old, or ahead.
const tolerance = 300

var timestamp = regexp.MustCompile(`^[0-9]{1,12}$`)

// VerifyWebhook verifies a webhook by the shared secret (Standard Webhooks), and returns its event. The body is that which arrived, and
// a secret is that of the file that `umoja webhook add --out FILE` wrote: several while one replaces another.
//
// The error is a *WebhookRejectedError if the webhook is not genuine.
func VerifyWebhook(body []byte, header http.Header, now time.Time, secrets ...string) (*Event, error) {
	id, at, signatures := header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Values("webhook-signature")
	if id == "" || at == "" || len(signatures) == 0 {
		return nil, &WebhookRejectedError{"headers"}
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if !timestamp.MatchString(at) || err != nil || distance(now.Unix(), seconds) > tolerance {
		return nil, &WebhookRejectedError{"timestamp"}
	}
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return nil, errors.New("umoja: a secret is whsec_ and base64")
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, signature := range strings.Split(strings.Join(signatures, " "), " ") {
			if hmac.Equal([]byte(expected), []byte(signature)) {
				return event(body)
			}
		}
	}
	return nil, &WebhookRejectedError{"signature"}
}

// VerifyRegionWebhook verifies a webhook by the region's signature, the header umoja-signature, and returns its event. The keys are those
// of /.well-known/jwks.json, and the regions base URLs.
//
// The error is a *WebhookRejectedError if the webhook is not genuine.
func VerifyRegionWebhook(
	body []byte, header http.Header, now time.Time, keys []PublicKey, company string, regions []string,
) (*Event, error) {
	id, token := header.Get("webhook-id"), header.Get("umoja-signature")
	if id == "" || token == "" {
		return nil, &WebhookRejectedError{"headers"}
	}
	claims, err := verify(token, "umoja-evt+jwt", keys)
	if err != nil {
		return nil, &WebhookRejectedError{err.Error()}
	}
	if issuer, _ := text(claims["iss"]); !contains(regions, issuer) {
		return nil, &WebhookRejectedError{"iss"}
	}
	for _, one := range []struct{ name, value string }{{"aud", company}, {"jti", id}, {"sha256", sha256Text(body)}} {
		if value, ok := text(claims[one.name]); !ok || value != one.value {
			return nil, &WebhookRejectedError{one.name}
		}
	}
	var at *int64
	if json.Unmarshal(claims["iat"], &at) != nil || at == nil || distance(now.Unix(), *at) > tolerance {
		return nil, &WebhookRejectedError{"iat"}
	}
	return event(body)
}

func distance(a, b int64) int64 {
	if a > b {
		return a - b
	}
	return b - a
}

func event(body []byte) (*Event, error) {
	made := &Event{}
	if json.Unmarshal(body, made) != nil {
		return nil, &WebhookRejectedError{"malformed"}
	}
	return made, nil
}
