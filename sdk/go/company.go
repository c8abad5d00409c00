package umoja

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Company is a company and its keys.
type Company struct {
	// ID is the issuer of the company's requests.
	ID string
	// APIKey is sent with each request.
	APIKey string
	// KeyID is the name of the key.
	KeyID string
	// Algorithm is EdDSA, ES256, RS256 or PS256.
	Algorithm string
	// Sign signs bytes in the spelling of JWS, for example by a KMS or an HSM. An ES256 signature is r and s, 64 bytes.
	Sign func(data []byte) ([]byte, error)
}

// String has no key.
func (c Company) String() string { return "Company(" + c.ID + ", " + c.KeyID + ")" }

// GoString has no key.
func (c Company) GoString() string { return c.String() }

// ReadCompany reads the file that `umoja company add --out FILE` writes.
func ReadCompany(path string) (Company, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Company{}, err
	}
	return ParseCompany(content)
}

// ParseCompany reads the content of the file that `umoja company add --out FILE` writes.
func ParseCompany(content []byte) (Company, error) {
	var file struct {
		ID         string `json:"id"`
		APIKey     string `json:"api_key"`
		KeyID      string `json:"kid"`
		Algorithm  string `json:"alg"`
		PrivateKey string `json:"private_key_pem"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return Company{}, errors.New("umoja: the company file is no JSON of the expected form")
	}
	sign, err := signer(file.Algorithm, file.PrivateKey)
	return Company{file.ID, file.APIKey, file.KeyID, file.Algorithm, sign}, err
}

func signer(algorithm, text string) (func([]byte) ([]byte, error), error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("umoja: the private key is not in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("umoja: the private key is not in PKCS#8")
	}
	switch key := parsed.(type) {
	case ed25519.PrivateKey:
		if algorithm == "EdDSA" {
			return func(data []byte) ([]byte, error) { return ed25519.Sign(key, data), nil }, nil
		}
	case *ecdsa.PrivateKey:
		if algorithm == "ES256" && key.Curve == elliptic.P256() {
			return func(data []byte) ([]byte, error) {
				hash := sha256.Sum256(data)
				r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
				if err != nil {
					return nil, err
				}
				signature := make([]byte, 64)
				r.FillBytes(signature[:32])
				s.FillBytes(signature[32:])
				return signature, nil
			}, nil
		}
	case *rsa.PrivateKey:
		return func(data []byte) ([]byte, error) {
			hash := sha256.Sum256(data)
			if algorithm == "PS256" {
				options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
				return rsa.SignPSS(rand.Reader, key, crypto.SHA256, hash[:], options)
			}
			return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
		}, check(algorithm == "RS256" || algorithm == "PS256", algorithm)
	}
	return nil, check(false, algorithm)
}

func check(fits bool, algorithm string) error {
	if fits {
		return nil
	}
	return fmt.Errorf("umoja: the private key is none for the algorithm %q", algorithm)
}
