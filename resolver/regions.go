package resolver

import (
	"math"
	"strconv"
	"strings"

	"inside53/resolver/zone"
)

// place is where an AWS region is: in the terms of geolocation records, and in
// degrees, north and east positive. The zero place is nowhere.
type place struct {
	continent, country, state string
	latitude, longitude       float64
}

// geoLevels is how many levels a geolocation policy has: state, country,
// continent, default.
const geoLevels = 4

// within reports whether a geolocation member is for this place at the level.
func (p *place) within(m *zone.Member, level int) bool {
	switch level {
	case 0:
		return len(m.Subdivision) > 0 && string(m.Country) == p.country && string(m.Subdivision) == p.state
	case 1:
		return len(m.Subdivision) == 0 && p.country != "" && string(m.Country) == p.country
	case 2:
		return p.continent != "" && string(m.Continent) == p.continent
	default:
		return string(m.Country) == "*"
	}
}

// point is a place on the unit sphere; the zero point is nowhere.
type point struct{ x, y, z float64 }

// locate returns the point of a region.
func locate(region string) point { return placeOf(region).point() }

func (p place) point() point {
	if p.continent == "" {
		return point{}
	}
	return pointOf(p.latitude, p.longitude)
}

func pointOf(latitude, longitude float64) point {
	sinLat, cosLat := math.Sincos(latitude * math.Pi / 180)
	sinLon, cosLon := math.Sincos(longitude * math.Pi / 180)
	return point{cosLat * cosLon, cosLat * sinLon, sinLat}
}

// halfWay is the greatest distance there is, in kilometres: that to nowhere.
const halfWay = earthRadius * math.Pi

const earthRadius = 6371 // kilometres

// distance is that along the surface, in kilometres.
func distance(a, b point) float64 {
	if a == (point{}) || b == (point{}) {
		return halfWay
	}
	return earthRadius * math.Acos(max(-1, min(1, a.x*b.x+a.y*b.y+a.z*b.z)))
}

// biased is the distance from the client's region to a geoproximity member, with its
// bias: a positive one shrinks it, a negative one stretches it (AWS: "Geoproximity
// routing").
func (j *judge) biased(m *zone.Member) float64 {
	to := locate(string(m.Region))
	if len(m.Region) == 0 {
		to = parsePoint(string(m.Coordinates))
		if len(m.LocalZone) > 0 {
			to = pointOfLocalZone(string(m.LocalZone))
		}
	}
	j.findPlace()
	d := distance(j.point, to)
	b := float64(m.Bias) / 100
	if b >= 0 {
		return d * (1 - b)
	}
	return d / (1 + b)
}

// parsePoint parses "latitude,longitude" in degrees.
func parsePoint(text string) point {
	lat, lon, ok := strings.Cut(text, ",")
	latitude, err := strconv.ParseFloat(lat, 64)
	longitude, err2 := strconv.ParseFloat(lon, 64)
	if !ok || err != nil || err2 != nil {
		return point{}
	}
	return pointOf(latitude, longitude)
}

// pointOfLocalZone returns where a local zone group is, as in us-west-2-lax-1: a city by
// its code (AWS: "Local Zones"), or the region that it belongs to.
func pointOfLocalZone(group string) point {
	region := regionOfLocalZone(group)
	if region == "" {
		return point{}
	}
	city, _, _ := strings.Cut(strings.TrimPrefix(group[len(region):], "-"), "-")
	p, known := findPlace(cities[:], city)
	if !known {
		return locate(region)
	}
	return pointOf(p.latitude, p.longitude)
}

// regionOfLocalZone returns the region that a local zone group belongs to; "" for none.
func regionOfLocalZone(group string) string {
	for end := len(group); end > 0; end = strings.LastIndexByte(group[:end], '-') {
		if placeOf(group[:end]) != (place{}) {
			return group[:end]
		}
	}
	return ""
}

// namedPlace is a line of a table.
type namedPlace struct {
	name string
	place
}

// regions are where the AWS regions are, by the city or the county that AWS names, in the
// order of their names.
var regions = [...]namedPlace{
	{"af-south-1", place{"AF", "ZA", "", -33.92, 18.42}},
	{"ap-east-1", place{"AS", "HK", "", 22.32, 114.17}},
	{"ap-east-2", place{"AS", "TW", "", 25.03, 121.57}},
	{"ap-northeast-1", place{"AS", "JP", "", 35.68, 139.69}},
	{"ap-northeast-2", place{"AS", "KR", "", 37.57, 126.98}},
	{"ap-northeast-3", place{"AS", "JP", "", 34.69, 135.5}},
	{"ap-south-1", place{"AS", "IN", "", 19.08, 72.88}},
	{"ap-south-2", place{"AS", "IN", "", 17.39, 78.49}},
	{"ap-southeast-1", place{"AS", "SG", "", 1.35, 103.82}},
	{"ap-southeast-2", place{"OC", "AU", "", -33.87, 151.21}},
	{"ap-southeast-3", place{"AS", "ID", "", -6.21, 106.85}},
	{"ap-southeast-4", place{"OC", "AU", "", -37.81, 144.96}},
	{"ap-southeast-5", place{"AS", "MY", "", 3.14, 101.69}},
	{"ap-southeast-6", place{"OC", "NZ", "", -36.85, 174.76}},
	{"ap-southeast-7", place{"AS", "TH", "", 13.76, 100.5}},
	{"ca-central-1", place{"NA", "CA", "", 45.5, -73.57}},
	{"ca-west-1", place{"NA", "CA", "", 51.05, -114.07}},
	{"cn-north-1", place{"AS", "CN", "", 39.9, 116.41}},
	{"cn-northwest-1", place{"AS", "CN", "", 37.51, 105.19}},
	{"eu-central-1", place{"EU", "DE", "", 50.11, 8.68}},
	{"eu-central-2", place{"EU", "CH", "", 47.38, 8.54}},
	{"eu-north-1", place{"EU", "SE", "", 59.33, 18.06}},
	{"eu-south-1", place{"EU", "IT", "", 45.46, 9.19}},
	{"eu-south-2", place{"EU", "ES", "", 41.65, -0.88}},
	{"eu-west-1", place{"EU", "IE", "", 53.35, -6.26}},
	{"eu-west-2", place{"EU", "GB", "", 51.51, -0.13}},
	{"eu-west-3", place{"EU", "FR", "", 48.86, 2.35}},
	{"eusc-de-east-1", place{"EU", "DE", "", 52.41, 12.53}},
	{"il-central-1", place{"AS", "IL", "", 32.09, 34.78}},
	{"me-central-1", place{"AS", "AE", "", 24.45, 54.38}},
	{"me-south-1", place{"AS", "BH", "", 26.07, 50.56}},
	{"mx-central-1", place{"NA", "MX", "", 20.59, -100.39}},
	{"sa-east-1", place{"SA", "BR", "", -23.55, -46.63}},
	{"us-east-1", place{"NA", "US", "VA", 38.95, -77.45}},
	{"us-east-2", place{"NA", "US", "OH", 39.96, -83.0}},
	{"us-gov-east-1", place{"NA", "US", "OH", 39.96, -83.0}},
	{"us-gov-west-1", place{"NA", "US", "OR", 45.84, -119.7}},
	{"us-iso-east-1", place{"NA", "US", "VA", 38.95, -77.45}},
	{"us-isob-east-1", place{"NA", "US", "VA", 38.95, -77.45}},
	{"us-west-1", place{"NA", "US", "CA", 37.35, -121.96}},
	{"us-west-2", place{"NA", "US", "OR", 45.84, -119.7}},
}

// placeOf returns where an AWS region is; the zero place for one that isn't known, which
// only default records are for.
func placeOf(region string) place {
	p, _ := findPlace(regions[:], region)
	return p
}

// findPlace looks a name up in a table that is in the order of names.
func findPlace(table []namedPlace, name string) (p place, known bool) {
	for len(table) > 0 {
		middle := len(table) / 2
		switch line := &table[middle]; {
		case line.name == name:
			return line.place, true
		case line.name < name:
			table = table[middle+1:]
		default:
			table = table[:middle]
		}
	}
	return place{}, false
}

// cities are where the cities are that have a local zone, by their code, in degrees, in the
// order of the codes.
var cities = [...]namedPlace{
	{"akl", place{latitude: -36.85, longitude: 174.76}},
	{"atl", place{latitude: 33.75, longitude: -84.39}},
	{"bkk", place{latitude: 13.76, longitude: 100.5}},
	{"bos", place{latitude: 42.36, longitude: -71.06}},
	{"bue", place{latitude: -34.6, longitude: -58.38}},
	{"ccu", place{latitude: 22.57, longitude: 88.36}},
	{"chi", place{latitude: 41.88, longitude: -87.63}},
	{"cmn", place{latitude: 33.57, longitude: -7.59}},
	{"cph", place{latitude: 55.68, longitude: 12.57}},
	{"del", place{latitude: 28.61, longitude: 77.21}},
	{"den", place{latitude: 39.74, longitude: -104.99}},
	{"dfw", place{latitude: 32.78, longitude: -96.8}},
	{"ham", place{latitude: 53.55, longitude: 9.99}},
	{"han", place{latitude: 21.03, longitude: 105.85}},
	{"hel", place{latitude: 60.17, longitude: 24.94}},
	{"hnl", place{latitude: 21.31, longitude: -157.86}},
	{"iah", place{latitude: 29.76, longitude: -95.37}},
	{"las", place{latitude: 36.17, longitude: -115.14}},
	{"lax", place{latitude: 34.05, longitude: -118.24}},
	{"lim", place{latitude: -12.05, longitude: -77.04}},
	{"los", place{latitude: 6.52, longitude: 3.38}},
	{"mci", place{latitude: 39.1, longitude: -94.58}},
	{"mct", place{latitude: 23.59, longitude: 58.41}},
	{"mia", place{latitude: 25.76, longitude: -80.19}},
	{"mnl", place{latitude: 14.6, longitude: 120.98}},
	{"msp", place{latitude: 44.98, longitude: -93.27}},
	{"nyc", place{latitude: 40.71, longitude: -74.01}},
	{"pdx", place{latitude: 45.52, longitude: -122.68}},
	{"per", place{latitude: -31.95, longitude: 115.86}},
	{"phl", place{latitude: 39.95, longitude: -75.17}},
	{"phx", place{latitude: 33.45, longitude: -112.07}},
	{"qro", place{latitude: 20.59, longitude: -100.39}},
	{"scl", place{latitude: -33.45, longitude: -70.67}},
	{"sea", place{latitude: 47.61, longitude: -122.33}},
	{"tpe", place{latitude: 25.03, longitude: 121.57}},
	{"waw", place{latitude: 52.23, longitude: 21.01}},
}
