package resolver

import (
	"math"
	"slices"
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
	latitude, longitude, known := cityOf(city)
	if !known {
		return locate(region)
	}
	return pointOf(latitude, longitude)
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

// namedPlace is a line of the table of regions.
type namedPlace struct {
	name string
	place
}

// city is a line of the table of cities with local zones.
type city struct {
	code                string
	latitude, longitude float64
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
	i, known := slices.BinarySearchFunc(regions[:], region, func(r namedPlace, name string) int { return strings.Compare(r.name, name) })
	if !known {
		return place{}
	}
	return regions[i].place
}

// cities are where the cities are that have a local zone, by their code, in degrees, in the
// order of the codes.
var cities = [...]city{
	{"akl", -36.85, 174.76},
	{"atl", 33.75, -84.39},
	{"bkk", 13.76, 100.5},
	{"bos", 42.36, -71.06},
	{"bue", -34.6, -58.38},
	{"ccu", 22.57, 88.36},
	{"chi", 41.88, -87.63},
	{"cmn", 33.57, -7.59},
	{"cph", 55.68, 12.57},
	{"del", 28.61, 77.21},
	{"den", 39.74, -104.99},
	{"dfw", 32.78, -96.8},
	{"ham", 53.55, 9.99},
	{"han", 21.03, 105.85},
	{"hel", 60.17, 24.94},
	{"hnl", 21.31, -157.86},
	{"iah", 29.76, -95.37},
	{"las", 36.17, -115.14},
	{"lax", 34.05, -118.24},
	{"lim", -12.05, -77.04},
	{"los", 6.52, 3.38},
	{"mci", 39.1, -94.58},
	{"mct", 23.59, 58.41},
	{"mia", 25.76, -80.19},
	{"mnl", 14.6, 120.98},
	{"msp", 44.98, -93.27},
	{"nyc", 40.71, -74.01},
	{"pdx", 45.52, -122.68},
	{"per", -31.95, 115.86},
	{"phl", 39.95, -75.17},
	{"phx", 33.45, -112.07},
	{"qro", 20.59, -100.39},
	{"scl", -33.45, -70.67},
	{"sea", 47.61, -122.33},
	{"tpe", 25.03, 121.57},
	{"waw", 52.23, 21.01},
}

// cityOf returns where a city is that has a local zone.
func cityOf(code string) (latitude, longitude float64, known bool) {
	i, known := slices.BinarySearchFunc(cities[:], code, func(c city, code string) int { return strings.Compare(c.code, code) })
	if !known {
		return 0, 0, false
	}
	return cities[i].latitude, cities[i].longitude, true
}
