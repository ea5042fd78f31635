import Lamina

extension Probe {
    /// What the command line calls itself with to look at a plug-in.
    static let option = "--probe"
    /// The command that looks at a plug-in: this executable once more.
    static let helper = ["/proc/self/exe", option]
}
