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

// placeOf returns where an AWS region is, by the city or the county that AWS names;
// the zero place for one that isn't known, which only default records are for.
func placeOf(region string) place {
	switch region {
	case "us-east-1":
		return place{"NA", "US", "VA", 38.95, -77.45}
	case "us-iso-east-1":
		return place{"NA", "US", "VA", 38.95, -77.45}
	case "us-isob-east-1":
		return place{"NA", "US", "VA", 38.95, -77.45}
	case "us-gov-east-1":
		return place{"NA", "US", "OH", 39.96, -83.0}
	case "us-east-2":
		return place{"NA", "US", "OH", 39.96, -83.0}
	case "us-west-1":
		return place{"NA", "US", "CA", 37.35, -121.96}
	case "us-west-2":
		return place{"NA", "US", "OR", 45.84, -119.7}
	case "us-gov-west-1":
		return place{"NA", "US", "OR", 45.84, -119.7}
	case "ca-central-1":
		return place{"NA", "CA", "", 45.5, -73.57}
	case "ca-west-1":
		return place{"NA", "CA", "", 51.05, -114.07}
	case "mx-central-1":
		return place{"NA", "MX", "", 20.59, -100.39}
	case "sa-east-1":
		return place{"SA", "BR", "", -23.55, -46.63}
	case "af-south-1":
		return place{"AF", "ZA", "", -33.92, 18.42}
	case "eu-west-1":
		return place{"EU", "IE", "", 53.35, -6.26}
	case "eu-west-2":
		return place{"EU", "GB", "", 51.51, -0.13}
	case "eu-west-3":
		return place{"EU", "FR", "", 48.86, 2.35}
	case "eu-central-1":
		return place{"EU", "DE", "", 50.11, 8.68}
	case "eusc-de-east-1":
		return place{"EU", "DE", "", 52.41, 12.53}
	case "eu-central-2":
		return place{"EU", "CH", "", 47.38, 8.54}
	case "eu-north-1":
		return place{"EU", "SE", "", 59.33, 18.06}
	case "eu-south-1":
		return place{"EU", "IT", "", 45.46, 9.19}
	case "eu-south-2":
		return place{"EU", "ES", "", 41.65, -0.88}
	case "il-central-1":
		return place{"AS", "IL", "", 32.09, 34.78}
	case "me-south-1":
		return place{"AS", "BH", "", 26.07, 50.56}
	case "me-central-1":
		return place{"AS", "AE", "", 24.45, 54.38}
	case "ap-south-1":
		return place{"AS", "IN", "", 19.08, 72.88}
	case "ap-south-2":
		return place{"AS", "IN", "", 17.39, 78.49}
	case "ap-east-1":
		return place{"AS", "HK", "", 22.32, 114.17}
	case "ap-east-2":
		return place{"AS", "TW", "", 25.03, 121.57}
	case "ap-northeast-1":
		return place{"AS", "JP", "", 35.68, 139.69}
	case "ap-northeast-3":
		return place{"AS", "JP", "", 34.69, 135.5}
	case "ap-northeast-2":
		return place{"AS", "KR", "", 37.57, 126.98}
	case "ap-southeast-1":
		return place{"AS", "SG", "", 1.35, 103.82}
	case "ap-southeast-3":
		return place{"AS", "ID", "", -6.21, 106.85}
	case "ap-southeast-5":
		return place{"AS", "MY", "", 3.14, 101.69}
	case "ap-southeast-7":
		return place{"AS", "TH", "", 13.76, 100.5}
	case "ap-southeast-2":
		return place{"OC", "AU", "", -33.87, 151.21}
	case "ap-southeast-4":
		return place{"OC", "AU", "", -37.81, 144.96}
	case "ap-southeast-6":
		return place{"OC", "NZ", "", -36.85, 174.76}
	case "cn-north-1":
		return place{"AS", "CN", "", 39.9, 116.41}
	case "cn-northwest-1":
		return place{"AS", "CN", "", 37.51, 105.19}
	}
	return place{}
}
