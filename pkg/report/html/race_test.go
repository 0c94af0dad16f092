//go:build race

package html_test

// raceDetector makes everything some ten times slower.
const raceDetector = true
