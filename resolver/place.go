package resolver

import "inside53/resolver/zone"

// place is where a region is, in the terms of geolocation records.
type place struct {
	continent, country, state string
}

// geoLevels is how many levels a geolocation policy has: state, country,
// continent, default.
const geoLevels = 4

// within reports whether a geolocation member is for this place at the level.
func (p place) within(m *zone.Member, level int) bool {
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

// placeOf returns where an AWS region is; the zero place for one that isn't known,
// which only default records are for.
func placeOf(region string) place {
	switch region {
	case "us-east-1", "us-iso-east-1", "us-isob-east-1", "us-gov-east-1":
		if region == "us-gov-east-1" {
			return place{"NA", "US", "OH"}
		}
		return place{"NA", "US", "VA"}
	case "us-east-2":
		return place{"NA", "US", "OH"}
	case "us-west-1":
		return place{"NA", "US", "CA"}
	case "us-west-2", "us-gov-west-1":
		return place{"NA", "US", "OR"}
	case "ca-central-1", "ca-west-1":
		return place{"NA", "CA", ""}
	case "mx-central-1":
		return place{"NA", "MX", ""}
	case "sa-east-1":
		return place{"SA", "BR", ""}
	case "af-south-1":
		return place{"AF", "ZA", ""}
	case "eu-west-1":
		return place{"EU", "IE", ""}
	case "eu-west-2":
		return place{"EU", "GB", ""}
	case "eu-west-3":
		return place{"EU", "FR", ""}
	case "eu-central-1", "eusc-de-east-1":
		return place{"EU", "DE", ""}
	case "eu-central-2":
		return place{"EU", "CH", ""}
	case "eu-north-1":
		return place{"EU", "SE", ""}
	case "eu-south-1":
		return place{"EU", "IT", ""}
	case "eu-south-2":
		return place{"EU", "ES", ""}
	case "il-central-1":
		return place{"AS", "IL", ""}
	case "me-south-1":
		return place{"AS", "BH", ""}
	case "me-central-1":
		return place{"AS", "AE", ""}
	case "ap-south-1", "ap-south-2":
		return place{"AS", "IN", ""}
	case "ap-east-1":
		return place{"AS", "HK", ""}
	case "ap-east-2":
		return place{"AS", "TW", ""}
	case "ap-northeast-1", "ap-northeast-3":
		return place{"AS", "JP", ""}
	case "ap-northeast-2":
		return place{"AS", "KR", ""}
	case "ap-southeast-1":
		return place{"AS", "SG", ""}
	case "ap-southeast-3":
		return place{"AS", "ID", ""}
	case "ap-southeast-5":
		return place{"AS", "MY", ""}
	case "ap-southeast-7":
		return place{"AS", "TH", ""}
	case "ap-southeast-2", "ap-southeast-4":
		return place{"OC", "AU", ""}
	case "ap-southeast-6":
		return place{"OC", "NZ", ""}
	case "cn-north-1", "cn-northwest-1":
		return place{"AS", "CN", ""}
	}
	return place{}
}
