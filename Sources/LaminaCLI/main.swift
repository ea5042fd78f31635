import Glibc
import Lamina

let arguments = CommandLine.arguments
if arguments.count == 3, arguments[1] == "--probe" {
    _exit(Probe.serve(arguments[2]))
}
print("lamina")
