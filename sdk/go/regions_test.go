package umoja_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"umoja.dev/sdk/go"
)

var ctx = context.Background()

// deployment is what sdk/test/deployment.py runs.
func deployment(t *testing.T) (company umoja.Company, first, second string) {
	t.Helper()
	regions := strings.Fields(os.Getenv("UMOJA_REGIONS"))
	if len(regions) == 0 {
		t.Skip("this test needs the regions of sdk/test/deployment.py: run .ci/sdk go")
	}
	company, err := umoja.ReadCompany(os.Getenv("UMOJA_COMPANY"))
	fails(t, err)
	return company, regions[0], regions[1]
}

func fails(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, company umoja.Company, regions ...string) *umoja.Client {
	t.Helper()
	made, err := umoja.NewClient(company, regions...)
	fails(t, err)
	return made
}

func random() string {
	data := make([]byte, 8)
	_, _ = rand.Read(data)
	return hex.EncodeToString(data)
}

func register(t *testing.T, c *umoja.Client, options ...umoja.CallOption) umoja.User {
	t.Helper()
	made, err := c.Register(ctx, umoja.Register{Email: "person-" + random() + "@example.com"}, options...)
	fails(t, err)
	return made.User
}

func disturb(t *testing.T, what string) {
	t.Helper()
	response, err := http.Post(os.Getenv("UMOJA_CONTROL")+"/"+what, "", nil)
	fails(t, err)
	response.Body.Close()
}

func TestAPersonRegistersLogsInChangesThePasswordAndIsFound(t *testing.T) {
	_, first, _ := deployment(t)
	c, err := umoja.Open(os.Getenv("UMOJA_COMPANY"), first)
	fails(t, err)
	email := random() + "@example.com"
	body := umoja.Register{Email: email, Password: "a long pass phrase", Profile: &umoja.ProfilePatch{Name: umoja.Set("Ọlá 😀")}}
	registered, err := c.Register(ctx, body)
	fails(t, err)
	if registered.Outcome != umoja.RegisterOutcomeCreated || registered.User.Profile.Name != "Ọlá 😀" {
		t.Fatal(registered)
	}
	id := registered.User.ID
	for password, right := range map[string]bool{"a long pass phrase": true, "another": false} {
		login, err := c.Authenticate(ctx, umoja.Authenticate{Email: email, Password: password})
		fails(t, err)
		if login.Authenticated != right {
			t.Fatal(password)
		}
	}
	change := umoja.PasswordChange{ID: id, CurrentPassword: "a long pass phrase", NewPassword: "and a longer phrase"}
	changed, err := c.ChangePassword(ctx, change)
	fails(t, err)
	patch := umoja.UserPatch{Profile: umoja.Set(umoja.ProfilePatch{Name: umoja.Remove[string](), Nickname: umoja.Set("Ọ")})}
	updated, err := c.Update(ctx, umoja.Update{ID: id, Set: patch})
	fails(t, err)
	if !changed.Changed || updated.User.Profile.Name != "" || updated.User.Profile.Nickname != "Ọ" {
		t.Fatal(updated)
	}
	found, err := c.Lookup(ctx, umoja.Lookup{Email: email})
	fails(t, err)
	if found.User.ID != id || len(found.User.Accounts) != 1 {
		t.Fatal(found)
	}
}

func TestAProblemHasItsCodeAndTheIDOfTheRequest(t *testing.T) {
	company, first, _ := deployment(t)
	_, err := client(t, company, first).Lookup(ctx, umoja.Lookup{Username: "an-unknown-name"})
	var problem *umoja.APIError
	if !errors.As(err, &problem) || problem.Code != umoja.CodeUserNotFound || problem.Status != 404 || !problem.Signed {
		t.Fatal(err)
	}
	if problem.RequestID == "" || !strings.Contains(err.Error(), problem.RequestID) || problem.Region != first {
		t.Fatal(err)
	}
	company.APIKey = "wrong"
	_, err = client(t, company, first).Lookup(ctx, umoja.Lookup{Username: "x"})
	if !errors.As(err, &problem) || problem.Code != umoja.CodeUnauthorized || problem.Signed {
		t.Fatal(err)
	}
}

func TestAWrongClockIsCorrected(t *testing.T) {
	company, first, _ := deployment(t)
	for _, off := range []time.Duration{-3 * time.Hour, 3 * time.Hour, 36 * time.Second} {
		c := client(t, company, first)
		c.Now = func() time.Time { return time.Now().Add(off) }
		var all sync.WaitGroup
		for i := 0; i < 3; i++ {
			all.Add(1)
			go func() {
				defer all.Done()
				if _, err := c.Register(ctx, umoja.Register{Email: random() + "@example.com"}); err != nil {
					t.Error(err)
				}
			}()
		}
		all.Wait()
		if (c.ClockOffset() + off).Abs() > 3*time.Second {
			t.Fatal(c.ClockOffset())
		}
	}
}

func TestAnAnswerThatIsLostIsAskedForAgainAndNothingIsDoneTwice(t *testing.T) {
	company, first, _ := deployment(t)
	c, idk := client(t, company, first), umoja.WithIDK(random())
	body := umoja.Register{Email: random() + "@example.com"}
	disturb(t, "lose/0")
	registered, err := c.Register(ctx, body, idk)
	fails(t, err)
	again, err := c.Register(ctx, body, idk)
	fails(t, err)
	if registered.Outcome != umoja.RegisterOutcomeCreated || again.Outcome != registered.Outcome || again.User.ID != registered.User.ID {
		t.Fatal(registered, again)
	}
}

func TestWhileARegionIsOutTheNextOneAnswersByATokenOfItsOwn(t *testing.T) {
	company, first, second := deployment(t)
	c := client(t, company, first)
	user := register(t, c)
	disturb(t, "stop/0")
	defer disturb(t, "start/1")
	defer disturb(t, "start/0")
	answer, err := c.Call(ctx, "/v1/users/lookup", umoja.Lookup{ID: user.ID, MinVersion: user.Version})
	fails(t, err)
	if answer.Region != second {
		t.Fatal(answer.Region)
	}
	_, err = client(t, company, first, second).Lookup(ctx, umoja.Lookup{ID: user.ID})
	fails(t, err)
	disturb(t, "stop/1")
	var none *umoja.NoAnswerError
	if _, err = c.Lookup(ctx, umoja.Lookup{ID: user.ID}); !errors.As(err, &none) {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err = c.Lookup(short, umoja.Lookup{ID: user.ID}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestEventsComeInPagesAndACursorOfOneRegionContinuesInAnotherOne(t *testing.T) {
	company, first, second := deployment(t)
	c, after := client(t, company, first), time.Now().Unix()
	user := register(t, c)
	until := func(reader *umoja.EventReader, kind string) string {
		for reader.Next(ctx) {
			for _, event := range reader.Page().Events {
				if event.Subject == user.ID && event.Type == "umoja.user."+kind {
					return reader.Page().Cursor
				}
			}
		}
		t.Fatal(reader.Err())
		return ""
	}
	cursor := until(c.Events(umoja.ListEvents{After: &after}), "registered")
	patch := umoja.UserPatch{Profile: umoja.Set(umoja.ProfilePatch{Name: umoja.Set("Ada")})}
	_, err := c.Update(ctx, umoja.Update{ID: user.ID, Set: patch})
	fails(t, err)
	until(client(t, company, second).Events(umoja.ListEvents{Cursor: cursor}), "profile_changed")
	reader := c.Events(umoja.ListEvents{After: &after, Limit: umoja.Ptr[int64](1)})
	reader.Once = true
	for reader.Next(ctx) {
		if len(reader.Page().Events) == 0 {
			t.Fatal("an empty page")
		}
	}
	fails(t, reader.Err())
}

func TestAccountsAtATargetAreAskedForAndWaitedFor(t *testing.T) {
	company, first, _ := deployment(t)
	c, target := client(t, company, first), os.Getenv("UMOJA_TARGET")
	provisioned, err := c.Provision(ctx, umoja.Provision{ID: register(t, c).ID, Targets: []string{target}})
	fails(t, err)
	state, err := c.WaitForProvisioning(ctx, provisioned.Provisioning.Ticket)
	fails(t, err)
	if account := state.Accounts[0]; account.Target != target || account.State != umoja.ProvisioningStateDone {
		t.Fatal(account)
	}
}

func TestWebhooksAreVerifiedByTheSecretAndByTheKeyOfTheRegion(t *testing.T) {
	company, first, _ := deployment(t)
	var file struct{ Secret string }
	content, err := os.ReadFile(os.Getenv("UMOJA_WEBHOOK"))
	fails(t, err)
	fails(t, json.Unmarshal(content, &file))
	c := client(t, company, first)
	register(t, c)
	var arrived []struct {
		Headers map[string]string
		Body    string
	}
	for len(arrived) == 0 {
		response, err := http.Get(os.Getenv("UMOJA_CONTROL") + "/webhooks")
		fails(t, err)
		fails(t, json.NewDecoder(response.Body).Decode(&arrived))
		response.Body.Close()
	}
	last, header := arrived[len(arrived)-1], http.Header{}
	for name, value := range last.Headers {
		header.Set(name, value)
	}
	event, err := umoja.VerifyWebhook([]byte(last.Body), header, time.Now(), file.Secret)
	fails(t, err)
	same, err := c.VerifyWebhook(ctx, []byte(last.Body), header)
	fails(t, err)
	if same.ID != event.ID {
		t.Fatal(same)
	}
	var rejected *umoja.WebhookRejectedError
	if _, err = c.VerifyWebhook(ctx, []byte(last.Body+" "), header); !errors.As(err, &rejected) || rejected.Reason != "sha256" {
		t.Fatal(err)
	}
}
