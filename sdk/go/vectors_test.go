package umoja

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"
)

func read(t *testing.T, name string, into any) {
	t.Helper()
	folder := os.Getenv("UMOJA_VECTORS")
	if folder == "" {
		folder = "../vectors"
	}
	content, err := os.ReadFile(folder + "/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRequestsHaveTheSameBytes(t *testing.T) {
	var document struct {
		Keys   map[string]json.RawMessage
		Public map[string]string `json:"public_keys"`
		Cases  []struct {
			Name, Key, URL, Path, JTI, IDK string
			Now                            int64
			Body                           json.RawMessage
			Input                          string `json:"signing_input"`
			Token                          *string
			RQH                            string
		}
	}
	read(t, "requests", &document)
	for _, one := range document.Cases {
		t.Run(one.Name, func(t *testing.T) {
			company, err := ParseCompany(document.Keys[one.Key])
			if err != nil {
				t.Fatal(err)
			}
			input, err := signingInput(company, one.URL, one.Path, one.Now, one.JTI, one.IDK, one.Body)
			if err != nil || input != one.Input {
				t.Fatal(err, input)
			}
			signature, err := company.Sign([]byte(input))
			if err != nil {
				t.Fatal(err)
			}
			if token := input + "." + encode(signature); one.Token != nil {
				if token != *one.Token || sha256Text([]byte(token)) != one.RQH {
					t.Fatal(token)
				}
				return
			}
			block, _ := pem.Decode([]byte(document.Public[one.Key]))
			public, err := x509.ParsePKIXPublicKey(block.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			hash := sha256.Sum256([]byte(input))
			switch key := public.(type) {
			case *ecdsa.PublicKey:
				r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
				if len(signature) != 64 || !ecdsa.Verify(key, hash[:], r, s) {
					t.Fatal("the signature is wrong")
				}
			case *rsa.PublicKey:
				options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
				if err := rsa.VerifyPSS(key, crypto.SHA256, hash[:], signature, options); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestAnswersAreAcceptedOrRejected(t *testing.T) {
	var document struct {
		Request struct{ Company, URL, JTI, RQH string }
		JWKS    struct{ Keys []PublicKey }
		Cases   []struct {
			Name, Answer, Rejected string
			Now                    int64
			Status                 int `json:"http_status"`
			Claims                 struct{ Body any }
		}
	}
	read(t, "answers", &document)
	for _, one := range document.Cases {
		t.Run(one.Name, func(t *testing.T) {
			request := document.Request
			expected := expectedAnswer{request.URL, request.Company, request.JTI, request.RQH, one.Status}
			claims, err := checkAnswer(one.Answer, document.JWKS.Keys, expected)
			if err == nil {
				err = checkTimes(claims, one.Now)
			}
			if one.Rejected != "" {
				if !errors.Is(err, rejected(one.Rejected)) {
					t.Fatal(err)
				}
				return
			}
			var body any
			if err != nil || json.Unmarshal(claims.body, &body) != nil || !reflect.DeepEqual(body, one.Claims.Body) {
				t.Fatal(err, body)
			}
		})
	}
}

type webhookCase struct {
	Name, Body string
	Rejected   *string
	Now        int64
	Headers    map[string]string
}

func (c webhookCase) header() http.Header {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	return header
}

func (c webhookCase) check(t *testing.T, event *Event, err error) {
	t.Helper()
	if c.Rejected == nil {
		if err != nil || event.Type != "umoja.user.profile_changed" || event.Data.Changed[0] != "profile.given_name" {
			t.Fatal(err, event)
		}
		return
	}
	var found *WebhookRejectedError
	if !errors.As(err, &found) || found.Reason != *c.Rejected {
		t.Fatal(err)
	}
}

func TestWebhooksAreAcceptedOrRejected(t *testing.T) {
	var document struct {
		Secret string
		Cases  []webhookCase
		Region struct {
			Company string
			Regions []string
			JWKS    struct{ Keys []PublicKey }
			Cases   []webhookCase
		} `json:"signed_by_region"`
	}
	read(t, "webhooks", &document)
	for _, one := range document.Cases {
		t.Run(one.Name, func(t *testing.T) {
			event, err := VerifyWebhook([]byte(one.Body), one.header(), time.Unix(one.Now, 0), document.Secret)
			one.check(t, event, err)
		})
	}
	for _, one := range document.Region.Cases {
		t.Run(one.Name, func(t *testing.T) {
			region, now := document.Region, time.Unix(one.Now, 0)
			event, err := VerifyRegionWebhook([]byte(one.Body), one.header(), now, region.JWKS.Keys, region.Company, region.Regions)
			one.check(t, event, err)
		})
	}
}

func TestAChangeIsAValueOrNull(t *testing.T) {
	body, err := marshal(UserPatch{Email: Set("a&b@example.com"), Username: Remove[string](), Profile: Set(ProfilePatch{})})
	if err != nil || !bytes.Equal(body, []byte(`{"email":"a&b@example.com","username":null,"profile":{}}`)) {
		t.Fatal(err, string(body))
	}
}
