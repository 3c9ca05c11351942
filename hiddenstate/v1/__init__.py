"""Generated stubs of the protocol `hiddenstate.v1`. Import the modules you need; this package imports none."""
