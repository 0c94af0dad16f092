//go:build !race

package html_test

const raceDetector = false
