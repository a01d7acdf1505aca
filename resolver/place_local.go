package resolver

import "strings"

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

// cityOf returns where a city is that has a local zone, in degrees.
func cityOf(code string) (latitude, longitude float64, known bool) {
	switch code {
	case "akl":
		return -36.85, 174.76, true
	case "atl":
		return 33.75, -84.39, true
	case "bkk":
		return 13.76, 100.5, true
	case "bos":
		return 42.36, -71.06, true
	case "bue":
		return -34.6, -58.38, true
	case "ccu":
		return 22.57, 88.36, true
	case "chi":
		return 41.88, -87.63, true
	case "cmn":
		return 33.57, -7.59, true
	case "cph":
		return 55.68, 12.57, true
	case "del":
		return 28.61, 77.21, true
	case "den":
		return 39.74, -104.99, true
	case "dfw":
		return 32.78, -96.8, true
	case "ham":
		return 53.55, 9.99, true
	case "han":
		return 21.03, 105.85, true
	case "hel":
		return 60.17, 24.94, true
	case "hnl":
		return 21.31, -157.86, true
	case "iah":
		return 29.76, -95.37, true
	case "las":
		return 36.17, -115.14, true
	case "lax":
		return 34.05, -118.24, true
	case "lim":
		return -12.05, -77.04, true
	case "los":
		return 6.52, 3.38, true
	case "mci":
		return 39.1, -94.58, true
	case "mct":
		return 23.59, 58.41, true
	case "mia":
		return 25.76, -80.19, true
	case "mnl":
		return 14.6, 120.98, true
	case "msp":
		return 44.98, -93.27, true
	case "nyc":
		return 40.71, -74.01, true
	case "pdx":
		return 45.52, -122.68, true
	case "per":
		return -31.95, 115.86, true
	case "phl":
		return 39.95, -75.17, true
	case "phx":
		return 33.45, -112.07, true
	case "qro":
		return 20.59, -100.39, true
	case "scl":
		return -33.45, -70.67, true
	case "sea":
		return 47.61, -122.33, true
	case "tpe":
		return 25.03, 121.57, true
	case "waw":
		return 52.23, 21.01, true
	}
	return 0, 0, false
}
