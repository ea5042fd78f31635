import Glibc
import Lamina
import LaminaConformance

// A probe must come to the plug-in before anything else can fail.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == Probe.option {
    _exit(Probe.serve(CommandLine.arguments[2]))
}
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == CheckCommand.option {
    _exit(Conformance.serve(CommandLine.arguments[2]))
}
LaminaCommand.start()
