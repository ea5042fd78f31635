import LaminaProvider

/// A pcapng file of raw IP packets: blocks that are gathered and written in large pieces.
struct CaptureFile: ~Copyable {
    private let output: OutputFile
    private var pending: [UInt8] = []
    /// Why it can't be written any more.
    private(set) var failure: Failure?

    /// The most that is gathered.
    private static let limit = 256 << 10
    /// LINKTYPE_RAW: an IPv4 or IPv6 header comes first.
    private static let rawIP: UInt16 = 101

    /// Begins the file of a path: `name` is what its interface is called.
    init(_ path: String, named name: String) throws(Failure) {
        output = try OutputFile(path, from: .start)
        pending.reserveCapacity(Self.limit)
        // Section header: byte order, version 1.0, length unknown.
        block(0x0A0D_0D0A) { body in
            body.append(0x1A2B_3C4D as UInt32)
            body.append(1 as UInt16)
            body.append(0 as UInt16)
            body.append(UInt64.max)
            body.append(option: 4, Array("lamina".utf8))
            body.append(option: 0, [])
        }
        // Interface description: if_name, if_tsresol of nanoseconds.
        block(1) { body in
            body.append(Self.rawIP)
            body.append(0 as UInt16)
            body.append(0 as UInt32)
            body.append(option: 2, Array(name.utf8))
            body.append(option: 9, [9])
            body.append(option: 0, [])
        }
    }

    /// Adds one packet, of the time `nanoseconds` since 1970. Blocks where as much has gathered as is kept.
    mutating func add(_ packet: [UInt8], at nanoseconds: Int64, comment: String) {
        guard failure == nil else { return }
        let time = UInt64(bitPattern: nanoseconds)
        block(6) { body in
            body.append(0 as UInt32)
            body.append(UInt32(truncatingIfNeeded: time >> 32))
            body.append(UInt32(truncatingIfNeeded: time))
            body.append(UInt32(packet.count))
            body.append(UInt32(packet.count))
            body.append(padded: packet)
            body.append(option: 1, Array(comment.utf8))
            body.append(option: 0, [])
        }
        if pending.count >= Self.limit { flush() }
    }

    /// Writes what has gathered. Blocks.
    mutating func flush() {
        if failure == nil {
            do throws(Failure) { try output.write(pending) } catch { failure = error }
        }
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func block(_ type: UInt32, _ fill: (inout [UInt8]) -> Void) {
        var body: [UInt8] = []
        fill(&body)
        let length = UInt32(body.count + 12)
        pending.append(type)
        pending.append(length)
        pending += body
        pending.append(length)
    }
}

extension [UInt8] {
    /// Appends a number, the lowest byte first.
    fileprivate mutating func append(_ number: some FixedWidthInteger) {
        for shift in stride(from: 0, to: number.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    /// Appends bytes, and zeros up to a multiple of four.
    fileprivate mutating func append(padded bytes: [UInt8]) {
        self += bytes
        self += [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }

    fileprivate mutating func append(option code: UInt16, _ value: [UInt8]) {
        append(code)
        append(UInt16(clamping: value.count))
        append(padded: [UInt8](value.prefix(Int(UInt16.max))))
    }
}
