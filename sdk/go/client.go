// Package umoja is the client of Umoja, the central identity store: signed requests, verified answers, webhooks and events.
package umoja

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	mathrand "math/rand"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Version is that of this package.
const Version = "0.1.0"

const (
	// outFor is for how long a region that did not answer is asked last.
	outFor = 30 * time.Second
	// skew is from which difference on the clock of the regions counts in place of this machine's.
	skew = 2 * time.Second
	// maxWait is the longest wait that a region can ask for within a call, in seconds.
	maxWait = 20
	// maxAnswer is the most bytes of an answer.
	maxAnswer = 64 << 20
)

// Client is a client of all regions of a deployment. Make one for each process; goroutines may share it. Set its fields before the
// first call.
type Client struct {
	// Retries is how often the regions are asked again after none of them could answer: 2.
	Retries int
	// Timeout is for one answer, beside what WaitMs and WaitSecs ask for: 10 seconds.
	Timeout time.Duration
	// HTTP sends the requests. It must not follow redirections.
	HTTP *http.Client
	// Now is this machine's clock.
	Now func() time.Time

	company  Company
	given    []string
	mutex    sync.Mutex
	known    []string
	keys     map[string][]PublicKey
	outUntil map[string]time.Time
	offset   time.Duration
}

// NewClient makes a client. The regions are base URLs, the nearest first. One is enough while it answers: the first that does names the
// others. Give two, so that a client can also start while a region is out.
func NewClient(company Company, regions ...string) (*Client, error) {
	if len(regions) == 0 {
		return nil, errors.New("umoja: give the base URL of a region")
	}
	given := make([]string, len(regions))
	for i, region := range regions {
		given[i] = strings.TrimRight(region, "/")
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{
		Retries: 2, Timeout: 10 * time.Second, HTTP: &http.Client{CheckRedirect: stay}, Now: time.Now,
		company: company, given: given, keys: map[string][]PublicKey{}, outUntil: map[string]time.Time{},
	}, nil
}

// Open makes a client with the keys of a file that `umoja company add --out FILE` wrote.
func Open(companyFile string, regions ...string) (*Client, error) {
	company, err := ReadCompany(companyFile)
	if err != nil {
		return nil, err
	}
	return NewClient(company, regions...)
}

// ClockOffset is how far the regions' clock is ahead of this machine's, as far as it is known.
func (c *Client) ClockOffset() time.Duration {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.offset
}

// CallOption is an option of one call.
type CallOption func(*call)

type call struct{ idk string }

// WithIDK gives a call an idempotency key, 1 to 64 characters. All repetitions of a call have the same; without this option a random one.
func WithIDK(idk string) CallOption { return func(c *call) { c.idk = idk } }

// Answer is an answer that a region has signed for the request.
type Answer struct {
	// Status is the HTTP status, as it was signed.
	Status int
	// Body is the result of the operation.
	Body json.RawMessage
	// Region is the base URL of the region that answered.
	Region string
	// RequestID is the id under which the region has logged the request.
	RequestID string
	// Token is the signed answer itself, a compact JWS: evidence for anyone who has the region's public keys.
	Token string
}

func called[T any](answer *Answer, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	made := new(T)
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	// Numbers of custom members keep all their digits.
	decoder.UseNumber()
	if err := decoder.Decode(made); err != nil {
		return nil, fmt.Errorf("umoja: the answer of %s does not have the form of the operation: %w", answer.Region, err)
	}
	return made, nil
}

// Call calls the operation at a path, and returns its verified answer. What fails for a moment is repeated with the same idempotency key
// and a new token, in the next region first.
//
// The error is an *APIError if the answer is a problem, a *NoAnswerError if no region answered, and an *AnswerRejectedError if what
// answered is not the region.
func (c *Client) Call(ctx context.Context, path string, body any, options ...CallOption) (*Answer, error) {
	made := call{}
	for _, option := range options {
		option(&made)
	}
	if made.idk == "" {
		made.idk = randomID()
	}
	content, err := marshal(body)
	if err != nil {
		return nil, fmt.Errorf("umoja: the body cannot be written as JSON: %w", err)
	}
	var last error
	for round := 0; round <= c.Retries; round++ {
		if round > 0 {
			if err := pause(ctx, round, last); err != nil {
				return nil, err
			}
		}
		for _, region := range c.regions(ctx) {
			answer, err := c.ask(ctx, region, path, content, made.idk, false)
			if err == nil {
				return answer, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if !isTransient(err) {
				return nil, err
			}
			if isOut(err) {
				c.markOut(region)
			}
			last = err
			// Another region has a count of its own, but not for more requests than were agreed.
			var problem *APIError
			if errors.As(err, &problem) && problem.Status == http.StatusTooManyRequests {
				break
			}
		}
	}
	return nil, last
}

// VerifyWebhook verifies the signature that a region gives its webhooks (umoja-signature), which needs no shared secret.
//
// The error is a *WebhookRejectedError if the webhook is not genuine.
func (c *Client) VerifyWebhook(ctx context.Context, body []byte, header http.Header) (*Event, error) {
	regions := c.regions(ctx)
	var found *Event
	err := c.withKeys(ctx, regions[0], func(keys []PublicKey) (err error) {
		found, err = VerifyRegionWebhook(body, header, c.now(), keys, c.company.ID, regions)
		return err
	})
	return found, err
}

// WaitForProvisioning waits until no account of a ticket is pending, or the context ends, and returns how far they are.
func (c *Client) WaitForProvisioning(ctx context.Context, ticket string) (*Provisioning, error) {
	for {
		state, err := c.ProvisioningStatus(ctx, ProvisioningStatus{Ticket: ticket, WaitMs: Ptr[int64](10_000)})
		if err != nil {
			return nil, err
		}
		pending := false
		for _, account := range state.Accounts {
			pending = pending || account.State == ProvisioningStatePending
		}
		if !pending {
			return state, nil
		}
	}
}

func (c *Client) now() time.Time { return c.Now().Add(c.ClockOffset()) }

// ask makes one attempt in one region; two if the clock of this machine was wrong.
func (c *Client) ask(ctx context.Context, region, path string, body json.RawMessage, idk string, again bool) (*Answer, error) {
	now, jti := c.now().Unix(), randomID()
	data, err := signingInput(c.company, region, path, now, jti, idk, body)
	if err != nil {
		return nil, err
	}
	signature, err := c.company.Sign([]byte(data))
	if err != nil {
		return nil, fmt.Errorf("umoja: the request cannot be signed: %w", err)
	}
	token := data + "." + encode(signature)
	var waits struct {
		Millis  int64 `json:"wait_ms"`
		Seconds int64 `json:"wait_secs"`
	}
	_ = json.Unmarshal(body, &waits)
	extra := time.Duration(waits.Millis)*time.Millisecond + time.Duration(waits.Seconds)*time.Second
	response, text, err := c.send(ctx, http.MethodPost, region, path, token, extra)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "application/jwt") {
		if response.StatusCode == http.StatusUnauthorized && !again && c.correctByDate(response.Header.Get("Date"), now) {
			return c.ask(ctx, region, path, body, idk, true)
		}
		return nil, newAPIError(text, response.StatusCode, region, response.Header, false)
	}
	expected := expectedAnswer{region, c.company.ID, jti, sha256Text([]byte(token)), response.StatusCode}
	var claims answerClaims
	err = c.withKeys(ctx, region, func(keys []PublicKey) (err error) {
		claims, err = checkAnswer(string(text), keys, expected)
		return err
	})
	if err == nil {
		// The answer is to a request of this moment, so if its times are wrong, it is this clock that is.
		c.correct(time.Unix(claims.issuedAt, 5e8))
		err = checkTimes(claims, c.now().Unix())
	}
	var reason rejected
	if errors.As(err, &reason) {
		return nil, &AnswerRejectedError{string(reason), region}
	}
	if err != nil {
		return nil, err
	}
	if claims.status >= 400 {
		return nil, newAPIError(claims.body, int(claims.status), region, response.Header, true)
	}
	return &Answer{int(claims.status), claims.body, region, response.Header.Get("Request-Id"), string(text)}, nil
}

// correct takes over the regions' time if this clock differs from it by more than a request takes.
func (c *Client) correct(theirs time.Time) {
	offset := theirs.Sub(c.Now())
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if (offset - c.offset).Abs() > skew {
		c.offset = offset
	}
}

// correctByDate says whether a request was signed for another time than the region's, which is then taken over. A rejected request is not
// answered with a signature: Date is a hint that one more request tries out, of a day at most. The clock may be right by now, because of
// another request.
func (c *Client) correctByDate(date string, signedAt int64) bool {
	theirs, err := http.ParseTime(date)
	if err != nil || theirs.Sub(c.Now()).Abs() >= 24*time.Hour || theirs.Sub(time.Unix(signedAt, 0)).Abs() <= skew {
		return false
	}
	c.correct(theirs.Add(time.Second / 2))
	return true
}

// regions returns the regions in the order in which they are asked.
func (c *Client) regions(ctx context.Context) []string {
	c.mutex.Lock()
	known := c.known
	c.mutex.Unlock()
	if known != nil {
		return c.inOrder(known)
	}
	for _, url := range c.inOrder(c.given) {
		var document struct {
			Issuer  string `json:"issuer"`
			Regions []struct {
				URL string `json:"url"`
			} `json:"regions"`
		}
		_, text, err := c.send(ctx, http.MethodGet, url, "/.well-known/umoja.json", "", 0)
		if err != nil || json.Unmarshal(text, &document) != nil || document.Issuer == "" {
			c.markOut(url)
			continue
		}
		urls := []string{document.Issuer}
		for _, region := range document.Regions {
			urls = append(urls, region.URL)
		}
		var ordered []string
		for _, one := range append(append([]string{}, c.given...), urls...) {
			isSafe := strings.HasPrefix(one, "https:") || !strings.HasPrefix(url, "https:")
			if contains(urls, one) && !contains(ordered, one) && isSafe {
				ordered = append(ordered, one)
			}
		}
		c.mutex.Lock()
		c.known = ordered
		c.mutex.Unlock()
		return c.inOrder(ordered)
	}
	return c.inOrder(c.given)
}

func (c *Client) inOrder(urls []string) []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	ordered := append([]string{}, urls...)
	now := c.Now()
	isOut := func(i int) bool { return c.outUntil[ordered[i]].After(now) }
	sort.SliceStable(ordered, func(i, j int) bool { return !isOut(i) && isOut(j) })
	return ordered
}

func (c *Client) markOut(region string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.outUntil[region] = c.Now().Add(outFor)
}

// withKeys checks with a region's keys, which are read again if one is missing: regions change them.
func (c *Client) withKeys(ctx context.Context, region string, check func([]PublicKey) error) error {
	c.mutex.Lock()
	keys, ok := c.keys[region]
	c.mutex.Unlock()
	if ok {
		err := check(keys)
		var webhook *WebhookRejectedError
		isUnknown := errors.Is(err, rejected("kid")) || (errors.As(err, &webhook) && webhook.Reason == "kid")
		if !isUnknown {
			return err
		}
	}
	_, text, err := c.send(ctx, http.MethodGet, region, "/.well-known/jwks.json", "", 0)
	if err != nil {
		return err
	}
	var document struct {
		Keys []PublicKey `json:"keys"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return &NoAnswerError{region, err}
	}
	c.mutex.Lock()
	c.keys[region] = document.Keys
	c.mutex.Unlock()
	return check(document.Keys)
}

func (c *Client) send(
	ctx context.Context, method, region, path, token string, extra time.Duration,
) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout+extra)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, region+path, strings.NewReader(token))
	if err != nil {
		return nil, nil, err
	}
	request.Header.Set("User-Agent", "umoja-go/"+Version)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/jwt")
		request.Header.Set("x-api-key", c.company.APIKey)
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, nil, &NoAnswerError{region, err}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, nil, &NoAnswerError{region, err}
	}
	return response, text, nil
}

// pause waits before the next round: as long as the region wants, and some more time at random.
func pause(ctx context.Context, round int, last error) error {
	wanted := 0
	var problem *APIError
	if errors.As(last, &problem) {
		wanted = problem.RetryAfter
	}
	if wanted > maxWait {
		return last
	}
	wait := math.Max(float64(wanted), 0.1*math.Pow(2, float64(round))) * (1 + mathrand.Float64()/2)
	timer := time.NewTimer(time.Duration(wait * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// isTransient says whether the same request may succeed in another region, or in a moment.
func isTransient(err error) bool {
	var problem *APIError
	if !errors.As(err, &problem) {
		var none *NoAnswerError
		var rejected *AnswerRejectedError
		return errors.As(err, &none) || errors.As(err, &rejected)
	}
	if problem.Status >= 500 {
		return problem.Code != CodeNoMail
	}
	return problem.Code == CodeReplayed || problem.Code == CodeRateLimited ||
		(!problem.Signed && (problem.Status == http.StatusRequestTimeout || problem.Status == http.StatusTooManyRequests))
}

// isOut says whether the region is to be asked last for a while.
func isOut(err error) bool {
	var problem *APIError
	if !errors.As(err, &problem) {
		return true
	}
	return problem.Status >= 500 && (!problem.Signed || problem.Code == CodeRegionNotServing)
}

func seconds(text string) int {
	number, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(number)
}

func randomID() string {
	data := make([]byte, 16)
	if _, err := rand.Read(data); err != nil {
		panic("umoja: this machine has no randomness: " + err.Error())
	}
	return encode(data)
}
