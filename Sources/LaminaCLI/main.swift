import Glibc
import Lamina

// A probe must come to the plug-in before anything else can fail.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == Probe.option {
    _exit(Probe.serve(CommandLine.arguments[2]))
}
LaminaCommand.start()
