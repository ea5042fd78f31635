import CLamina
import Glibc

// What lines of a layer's output say.
extension LineBuffer {
    /// Begins a line of the level with this label: `lamina: LABEL: `, as the lines of a layer's output begin.
    public mutating func begin(_ label: String) {
        append("lamina: ")
        append(text: label)
        append(": ")
    }

    /// Appends whose socket it is: `curl[12] #3`, program, process and the socket's number in the process that made it. The
    /// program is left out where it is unknown.
    public mutating func append(_ socket: borrowing Socket) {
        if let program = socket.programBytes { append(escaped: program) }
        append("[")
        append(signed: Int64(socket.owner))
        append("] #")
        append(number: socket.number)
    }

    /// Appends the name of an entry or event, `send` or `send_backlog`.
    public mutating func append(_ entry: Entry) {
        append(cString: entry.known.name)
    }

    /// Writes what was appended, whole lines, to where the layers' output goes.
    func put(_ upcalls: UnsafePointer<lamina_upcalls>, _ slot: UnsafeMutablePointer<lamina_slot>?) {
        guard let text = bytes.assumingMemoryBound(to: CChar.self).baseAddress else { return }
        upcalls.pointee.output(slot, text, count)
    }
}
