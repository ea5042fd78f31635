import CLamina
import Glibc
import Lamina

/// A call as it looked when it came down to the stage.
struct Seen {
    /// `LAMINA_ENTRY_…`.
    let entry: Int
    var flags: UInt32 = 0
    /// What a send brought.
    var bytes: [UInt8] = []
    /// How much room a receive brought.
    var room = 0
    var addresses: [Address] = []
    /// Control data of datagrams.
    var control: [UInt8] = []
    /// Counts and codes.
    var numbers: [Int] = []
    /// What is wrong with the request's frames.
    var frameFault: String?

    init(_ entry: Int) {
        self.entry = entry
    }

    var name: String { EntryName.of(entry) }

    mutating func take(_ address: UnsafePointer<lamina_address>) { addresses.append(Address(address.pointee)) }

    mutating func take(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) {
        guard let buffers else { return }
        for index in 0..<Int(count) {
            bytes += UnsafeRawBufferPointer(start: buffers[index].base, count: buffers[index].length)
        }
    }

    mutating func takeRoom(_ buffers: UnsafePointer<lamina_buffer>?, _ count: UInt32) {
        guard let buffers else { return }
        for index in 0..<Int(count) { room += buffers[index].length }
    }

    mutating func take(_ messages: UnsafePointer<lamina_message>, _ count: UInt32) {
        numbers.append(Int(count))
        for index in 0..<Int(count) {
            take(messages[index].buffers, messages[index].buffer_count)
            if let address = messages[index].address { take(address) }
            control += UnsafeRawBufferPointer(start: messages[index].control, count: messages[index].control_length)
        }
    }

    mutating func takeRoom(_ messages: UnsafePointer<lamina_message>, _ count: UInt32) {
        numbers.append(Int(count))
        for index in 0..<Int(count) { takeRoom(messages[index].buffers, messages[index].buffer_count) }
    }

    mutating func take(_ operation: UnsafePointer<lamina_operation>) {
        numbers = [Int(operation.pointee.kind), Int(operation.pointee.level), Int(operation.pointee.code)]
        bytes = Array(UnsafeRawBufferPointer(start: operation.pointee.input, count: operation.pointee.input_length))
    }

    /// What differs from `expected`, in words; nil where nothing does. Addresses may differ below a layer that
    /// redirects.
    func difference(from expected: Seen, addressesMayDiffer: Bool = false) -> String? {
        if entry != expected.entry { return "arrived below as \(name)" }
        if flags != expected.flags { return "flags \(expected.flags) arrived below as \(flags)" }
        if bytes != expected.bytes {
            return bytes.count == expected.bytes.count
                ? "\(bytes.count) bytes arrived below with another content"
                : "\(expected.bytes.count) bytes arrived below as \(bytes.count)"
        }
        if room != expected.room { return "room for \(expected.room) bytes arrived below as \(room)" }
        if control != expected.control {
            return "\(expected.control.count) bytes of control data arrived below as \(control.count), or changed"
        }
        if numbers != expected.numbers { return "arguments \(expected.numbers) arrived below as \(numbers)" }
        if addresses != expected.addresses, !addressesMayDiffer {
            let (old, new) = (expected.addresses.first?.description ?? "none", addresses.first?.description ?? "none")
            return "address \(old) arrived below as \(new)"
        }
        return nil
    }
}
