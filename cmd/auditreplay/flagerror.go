package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says what is wrong with a flag as every other error does: its long
// name, then what.
func flagError(_ *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	var required *pflag.ValueRequiredError
	var unknown *pflag.NotExistError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &value):
		return fmt.Errorf("--%s: %s", value.GetFlag().Name, wrongValue(value))
	case errors.As(err, &required):
		return fmt.Errorf("--%s: needs a value", required.GetFlag().Name)
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return fmt.Errorf("-%s: no such flag (--help lists them)", unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return fmt.Errorf("--%s: no such flag (--help lists them)", unknown.GetSpecifiedName())
	case errors.As(err, &syntax):
		return fmt.Errorf("%s: no flag is written like that", syntax.GetSpecifiedFlag())
	}
	return err
}

// wrongValue says what a flag takes. The flags of a kind of our own say so
// themselves.
func wrongValue(err *pflag.InvalidValueError) string {
	switch err.GetFlag().Value.Type() {
	case "int":
		return fmt.Sprintf("%q is no whole number", err.GetValue())
	case "bool":
		return fmt.Sprintf("%q is neither true nor false", err.GetValue())
	case "duration":
		return fmt.Sprintf("%q is no duration: give 30s, 5m or 1h30m", err.GetValue())
	}
	return err.Unwrap().Error()
}
