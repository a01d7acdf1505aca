//go:build !blind

package observe

// counting says that answers are counted by who asks, and uses are noted. Only a build with the tag blind, which shows
// what that costs, is without.
const counting = true
