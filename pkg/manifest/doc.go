// Package manifest says what an output was made of, so that it can be checked
// later, and made again: every input file with its size and SHA-256, every
// source in it with its kind, counts and times, the tool, the options, and the
// SHA-256 of the output.
//
// Nothing in a manifest depends on when or where the run took place but the
// paths, which are as they were given: the same inputs, tool and options give
// the same manifest. A manifest is not signed. Who keeps its own SHA-256 apart
// from it has a seal for all that it names.
package manifest
