package awssim

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// session is a role assumed.
type session struct {
	account    string
	role, name string
}

// accountOf is the account of an access key: that of the role it was handed out for, else the base account.
// The key itself says so ("ASIA", account, number), so that it is good for another run of the simulator, too.
func (s *Sim) accountOf(key string) string {
	if len(key) == 20 && strings.HasPrefix(key, "ASIA") && accountName.MatchString(key[4:16]) {
		return key[4:16]
	}
	return s.options.Account
}

func (s *Sim) callerARN(key, account string) string {
	s.mu.Lock()
	assumed, known := s.sessions[key]
	s.mu.Unlock()
	if known {
		return fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, assumed.role, assumed.name)
	}
	return "arn:aws:iam::" + account + ":user/awssim"
}

var roleARN = regexp.MustCompile(`^arn:(?:aws|aws-cn|aws-us-gov):iam::([0-9]{12}):role/([\w+=,.@/-]{1,64})$`)

// assumeRole hands out credentials for any role, if its account's external id is given where Options demand one.
func assumeRole(c *call) ([]byte, error) {
	arn, name := c.form.Get("RoleArn"), c.form.Get("RoleSessionName")
	match := roleARN.FindStringSubmatch(arn)
	if match == nil {
		return nil, &apiError{http.StatusBadRequest, "ValidationError", arn + " is invalid"}
	}
	if len(name) < 2 || len(name) > 64 {
		return nil, &apiError{http.StatusBadRequest, "ValidationError",
			"Value '" + name + "' at 'roleSessionName' failed to satisfy constraint: Member must have length between 2 and 64"}
	}
	account, role := match[1], match[2][strings.LastIndex(match[2], "/")+1:]
	s := c.sim
	want, demanded := s.options.ExternalIDs[account]
	if demanded && c.form.Get("ExternalId") != want {
		return nil, &apiError{http.StatusForbidden, "AccessDenied",
			fmt.Sprintf("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", s.callerARN(c.key, c.account),
				arn)}
	}
	n := s.nextID()
	key := fmt.Sprintf("ASIA%s%04d", account, n%10000)
	s.mu.Lock()
	s.sessions[key] = session{account, role, name}
	s.mu.Unlock()

	type credentials struct{ AccessKeyId, SecretAccessKey, SessionToken, Expiration string }
	type user struct {
		AssumedRoleID string `xml:"AssumedRoleId"`
		ARN           string `xml:"Arn"`
	}
	return c.queryAnswer(stsNamespace, struct {
		AssumedRoleUser user
		Credentials     credentials
	}{
		user{awsID("AROA", "role "+arn, 0, 21) + ":" + name, s.callerARN(key, account)},
		credentials{key, awsID("", "secret", n, 40), "awssim-" + awsID("", "token", n, 40),
			timestamp(time.Now().Add(time.Hour))},
	}), nil
}

func getCallerIdentity(c *call) ([]byte, error) {
	return c.queryAnswer(stsNamespace, struct{ Arn, UserId, Account string }{
		c.sim.callerARN(c.key, c.account), awsID("AIDA", "user "+c.account, 0, 21), c.account,
	}), nil
}

// queryAnswer wraps a result as the query protocol does.
func (c *call) queryAnswer(namespace string, result any) []byte {
	return c.wrap(namespace, element("", c.operation+"Result", result))
}
