package wire

import "bytes"

// RecordSet is an RRset as a message has it, under construction: the time to live and the data of each record.
type RecordSet struct {
	Name []byte
	Type uint16
	TTLs []uint32
	Data [][]byte
}

// Len, Less and Swap sort the records of a set by their octets.
func (s *RecordSet) Len() int           { return len(s.Data) }
func (s *RecordSet) Less(i, j int) bool { return bytes.Compare(s.Data[i], s.Data[j]) < 0 }
func (s *RecordSet) Swap(i, j int) {
	s.Data[i], s.Data[j] = s.Data[j], s.Data[i]
	s.TTLs[i], s.TTLs[j] = s.TTLs[j], s.TTLs[i]
}
