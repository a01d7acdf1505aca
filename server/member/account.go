package member

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"inside53/server/config"
	"inside53/zonesource/refresh"
)

// sumOf is the hash of what decides which data are read, and of the account that reads
// them: HASH-ACCOUNT, both in hexadecimal digits.
func sumOf(c *config.Config, account string) (string, error) {
	text, err := json.Marshal([]any{c.AWS, c.Route53, c.EC2, c.HealthChecks, c.Secondary, c.Follow})
	if err != nil {
		return "", fmt.Errorf("hashing the configuration: %w", err)
	}
	settings, of := sha256.Sum256(text), sha256.Sum256([]byte("account "+account))
	return hex.EncodeToString(settings[:12]) + "-" + hex.EncodeToString(of[:6]), nil
}

// accountIn is the part of such a sum that is about the account.
func accountIn(sum string) string {
	_, account, _ := strings.Cut(sum, "-")
	return account
}

// isSameAccount reports whether a sum is of the account that this server reads by.
func (s *Side) isSameAccount(sum string) bool { return accountIn(sum) == accountIn(s.configSum()) }

// accountAgain is the pause before the account is asked for again.
const accountAgain = 10 * time.Second

// learnAccount finds out by which account this server reads.
func (s *Side) learnAccount(ctx context.Context) error {
	for {
		s.mu.Lock()
		account := s.accounts[0]
		s.mu.Unlock()
		id, err := account.ID(ctx)
		if err == nil {
			s.account.Store(&id)
			return nil
		}
		err = refresh.Pause(ctx, accountAgain)
		if err != nil {
			return err
		}
	}
}

// configSum is the sum of the configuration in force, "" while the account isn't known.
func (s *Side) configSum() string {
	id := s.account.Load()
	if id == nil {
		return ""
	}
	sum, err := sumOf(s.config(), *id)
	if err != nil {
		s.log.Error("configuration not hashed", "error", err)
	}
	return sum
}
