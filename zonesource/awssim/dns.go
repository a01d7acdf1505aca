package awssim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// RunDNS answers DNS on p and l (either may be nil) until ctx ends, then closes them and returns nil; or it
// returns why serving ended before. It answers the names of the load balancers with the addresses of their
// interfaces, and what dns.zone says.
func (s *Sim) RunDNS(ctx context.Context, p net.PacketConn, l net.Listener) error {
	var servers []*dns.Server
	handler := dns.HandlerFunc(s.serveDNS)
	if p != nil {
		servers = append(servers, &dns.Server{PacketConn: p, Handler: handler})
	}
	if l != nil {
		servers = append(servers, &dns.Server{Listener: l, Handler: handler})
	}
	ended := make(chan error, len(servers))
	var started sync.WaitGroup
	for _, server := range servers {
		started.Add(1)
		once := sync.OnceFunc(started.Done)
		server.NotifyStartedFunc = once
		go func() {
			err := server.ActivateAndServe()
			once() // it may never have started
			ended <- err
		}()
	}
	started.Wait() // Shutdown does nothing to a server that has not started
	var err error
	running := len(servers)
	select {
	case <-ctx.Done():
	case err = <-ended:
		running--
	}
	for _, server := range servers {
		_ = server.Shutdown() // one that has ended says so here
	}
	for range running {
		<-ended
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("serving DNS: %w", err)
	}
	return nil
}

func (s *Sim) serveDNS(w dns.ResponseWriter, request *dns.Msg) {
	m := new(dns.Msg)
	m.SetReply(request)
	m.RecursionAvailable = true
	size := dns.MinMsgSize
	if opt := request.IsEdns0(); opt != nil {
		size = max(size, int(opt.UDPSize()))
		m.SetEdns0(1232, opt.Do())
	}
	switch {
	case request.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case len(request.Question) != 1:
		m.Rcode = dns.RcodeFormatError
	case request.Question[0].Qclass != dns.ClassINET:
		m.Rcode = dns.RcodeRefused
	default:
		s.resolve(m, request.Question[0])
	}
	_, udp := w.LocalAddr().(*net.UDPAddr)
	if udp {
		m.Truncate(size)
	}
	_ = w.WriteMsg(m) // the client's going is not ours to report
}

// resolve follows CNAMEs, eight at most.
func (s *Sim) resolve(m *dns.Msg, q dns.Question) {
	world := s.world()
	name := dns.CanonicalName(q.Name)
	for range 8 {
		var cname string
		exists := false
		for _, rr := range world {
			h := rr.Header()
			if h.Name != name {
				exists = exists || dns.IsSubDomain(name, h.Name)
				continue
			}
			exists = true
			alias, isCNAME := rr.(*dns.CNAME)
			if h.Rrtype == q.Qtype || isCNAME {
				m.Answer = append(m.Answer, dns.Copy(rr))
			}
			if isCNAME && q.Qtype != dns.TypeCNAME {
				cname = dns.CanonicalName(alias.Target)
			}
		}
		if cname != "" {
			name = cname
			continue
		}
		answered := len(m.Answer) > 0 && m.Answer[len(m.Answer)-1].Header().Name == name
		if !answered {
			negative(m, world, name, exists)
		}
		break
	}
	// Names are held in lower case; the one asked is answered as it was asked.
	for _, rr := range m.Answer {
		if strings.EqualFold(rr.Header().Name, q.Name) {
			rr.Header().Name = q.Name
		}
	}
}

// negative says NODATA or NXDOMAIN with the closest SOA of dns.zone; without one the name is nobody's here: REFUSED,
// unless the answer has begun or the name exists.
func negative(m *dns.Msg, world []dns.RR, name string, exists bool) {
	var closest *dns.SOA
	for _, rr := range world {
		soa, isSOA := rr.(*dns.SOA)
		if isSOA && dns.IsSubDomain(soa.Hdr.Name, name) &&
			(closest == nil || dns.CountLabel(soa.Hdr.Name) > dns.CountLabel(closest.Hdr.Name)) {
			closest = soa
		}
	}
	if closest != nil {
		soa := dns.Copy(closest)
		soa.Header().Ttl = min(closest.Hdr.Ttl, closest.Minttl)
		m.Ns = append(m.Ns, soa)
	}
	switch {
	case exists:
	case closest != nil:
		m.Rcode = dns.RcodeNameError
	case len(m.Answer) == 0:
		m.Rcode = dns.RcodeRefused
	}
}

// world is all that the responder knows: dns.zone, the zone of the load balancers' names, and their addresses.
func (s *Sim) world() []dns.RR {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rrs []dns.RR
	rrs = append(rrs, s.base.outside...)
	sets := []*dataSet{s.base}
	for _, d := range s.accounts {
		sets = append(sets, d)
	}
	for _, d := range sets {
		for _, region := range sortedKeys(d.regions) {
			for _, lb := range d.regions[region]["DescribeLoadBalancers"] {
				rrs = append(rrs, loadBalancerAddresses(lb, d.regions[region]["DescribeNetworkInterfaces"])...)
			}
			// Application and classic balancers, and network balancers.
			for _, zone := range []string{region + ".elb.amazonaws.com.", "elb." + region + ".amazonaws.com."} {
				rrs = append(rrs, &dns.SOA{
					Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 60},
					Ns:  "ns-1119.awsdns-11.org.", Mbox: "awsdns-hostmaster.amazon.com.", Serial: 1, Refresh: 7200, Retry: 900,
					Expire: 1209600, Minttl: 60,
				})
			}
		}
	}
	return rrs
}

// loadBalancerAddresses finds a balancer's interfaces by their description, "ELB app/NAME/ID", as the end of
// its ARN has it. An internet-facing one answers public addresses, an internal one private ones; dualstack.NAME
// is the same; TTL 60.
func loadBalancerAddresses(lb map[string]any, interfaces table) []dns.RR {
	_, id, _ := strings.Cut(text(lb, "LoadBalancerArn"), ":loadbalancer/")
	host := text(lb, "DNSName")
	if id == "" || host == "" {
		return nil
	}
	var rrs []dns.RR
	add := func(address string) {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return
		}
		for _, prefix := range []string{"", "dualstack."} {
			h := dns.RR_Header{Name: dns.CanonicalName(prefix + host), Class: dns.ClassINET, Ttl: 60}
			if ip.Is4() {
				h.Rrtype = dns.TypeA
				rrs = append(rrs, &dns.A{Hdr: h, A: ip.AsSlice()})
			} else {
				h.Rrtype = dns.TypeAAAA
				rrs = append(rrs, &dns.AAAA{Hdr: h, AAAA: ip.AsSlice()})
			}
		}
	}
	for _, eni := range interfaces {
		if text(eni, "Description") != "ELB "+id {
			continue
		}
		if text(lb, "Scheme") == "internet-facing" {
			association, _ := eni["Association"].(map[string]any)
			add(text(association, "PublicIp"))
		} else {
			add(text(eni, "PrivateIpAddress"))
		}
		if strings.HasPrefix(text(lb, "IpAddressType"), "dualstack") {
			for _, ip := range objects(eni["Ipv6Addresses"]) {
				add(text(ip, "Ipv6Address"))
			}
		}
	}
	return rrs
}
