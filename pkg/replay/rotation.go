package replay

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// rotated is the name of a log file and of its earlier generations:
// "auth.log", "auth.log.1", "auth.log.2.gz", "auth.log-20260629.xz"
// (logrotate(8) with and without dateext).
var rotated = regexp.MustCompile(`^(.*?)(?:\.([0-9]{1,5})|-([0-9]{8})(?:-?[0-9]+)?)?(?:\.(?:gz|xz|bz2|zst|lz4|Z))?$`)

// generation is one file of a rotated set: 0 is the one that is written to,
// the higher the older.
type generation struct {
	set string
	age int64
}

func generationOf(name string) generation {
	m := rotated.FindStringSubmatch(path.Base(name))
	if m == nil {
		return generation{name, 0}
	}
	g := generation{set: path.Dir(name) + "/" + m[1]}
	switch {
	case m[2] != "":
		g.age, _ = strconv.ParseInt(m[2], 10, 64)
	case m[3] != "":
		date, _ := strconv.ParseInt(m[3], 10, 64)
		g.age = 1e8 - date
	}
	return g
}

// rotationSets puts the inputs of each rotated set together, the newest first.
func rotationSets(inputs []*input) [][]*input {
	at := make(map[string]int)
	var sets [][]*input
	for _, in := range inputs {
		set := generationOf(in.src.Path).set
		i, ok := at[set]
		if !ok {
			i = len(sets)
			at[set] = i
			sets = append(sets, nil)
		}
		sets[i] = append(sets[i], in)
	}
	for _, set := range sets {
		slices.SortStableFunc(set, func(a, b *input) int {
			return cmp.Compare(generationOf(a.src.Path).age, generationOf(b.src.Path).age)
		})
	}
	return sets
}
