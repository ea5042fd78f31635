import Glibc
import Lamina
import TestSupport
import Testing

@Suite("The layer syntax")
struct SettingsGrammarTests {
    let declared = [
        SettingDeclaration(name: "to", type: .text),
        SettingDeclaration(name: "ports", type: .integer, isList: true),
        SettingDeclaration(name: "rate", type: .rate, default: "1mbit", isLive: true),
        SettingDeclaration(name: "delay", type: .duration),
        SettingDeclaration(name: "buffer", type: .size),
        SettingDeclaration(name: "data", type: .choice, choices: ["none", "sizes", "text"], default: "none"),
        SettingDeclaration(name: "verbose", type: .bool),
        SettingDeclaration(name: "password", type: .secret),
    ]

    func settings(_ text: String) throws -> Settings {
        try Settings(of: LayerSpecification(parsing: text), declared: declared)
    }

    @Test("Name, label, settings and defaults are read")
    func reads() throws {
        let layer = try LayerSpecification(
            parsing: "shape=slow:rate=2.5mbit,delay=200ms,ports=80,ports=[443,8k],verbose"
        )
        #expect(layer.name == "shape")
        #expect(layer.label == "slow")
        let settings = try Settings(of: layer, declared: declared)
        #expect(settings["rate"] == .rate(2_500_000))
        #expect(settings["delay"] == .duration(200_000_000))
        #expect(settings["ports"] == .list([.integer(80), .integer(443), .integer(8000)]))
        #expect(settings["verbose"] == .bool(true))
        #expect(settings["data"] == .choice("none"))
        #expect(settings["buffer"] == nil)
        #expect(settings.description == "ports=[80,443,8000],rate=2500kbit,delay=200ms,data=none,verbose=yes")
    }

    @Test("A name with a slash is a path, and its file's name the label")
    func paths() throws {
        let layer = try LayerSpecification(parsing: "./dir/libMine.so:verbose=no")
        #expect(layer.isPath && layer.name == "./dir/libMine.so" && layer.label == "libMine")
        #expect(try LayerSpecification(parsing: "\"/x/a:b.so\"=it").name == "/x/a:b.so")
        #expect(try !LayerSpecification(parsing: "trace").isPath)
    }

    @Test("Quotes and brackets protect commas, and quotes protect everything")
    func protects() throws {
        #expect(try settings(#"a:to="x,y=[\"z\\""#)["to"] == .text(#"x,y=["z\"#))
        #expect(try settings("a:to=[::1]:443,verbose")["to"] == .text("[::1]:443"))
        #expect(try settings("a:to=\"@name\"")["to"] == .text("@name"))
        #expect(try settings("a:to=[a,b]")["to"] == .text("[a,b]"))
    }

    @Test("@FILE and env:NAME give secrets that are never shown")
    func secrets() throws {
        let directory = try TemporaryDirectory()
        let file = try directory.write("hunter2\n", to: "secret")
        let fromFile = try settings("a:password=@\(file)")
        let fromEnvironment = try settings("a:to=env:PATH,password=hunter4")
        #expect(fromFile["password"] == .secret(Secret("hunter2")))
        #expect(fromEnvironment["to"] == .secret(Secret(String(cString: try #require(getenv("PATH"))))))
        var dumped = "\(fromFile) \(fromEnvironment)"
        dump(fromEnvironment, to: &dumped)
        dump(fromFile, to: &dumped)
        #expect(!dumped.contains("hunter") && !dumped.contains("/bin"))
        #expect(fromFile.description == "rate=1mbit,data=none,password=•••")
        #expect(try !LayerSpecification(parsing: "a:password=hunter4").description.contains("hunter"))
    }

    @Test(
        "What is wrong is named, with the nearest name",
        arguments: [
            ("trace:dta=text", "layer \"trace\": has no setting \"dta\"; did you mean \"data\"?"),
            ("trace:data=txt", "layer \"trace\": data: \"txt\" is no choice; did you mean \"text\"?"),
            ("trace:xyzzy=1", "layer \"trace\": has no setting \"xyzzy\"; its settings are to, ports"),
            ("trace:rate=5", "layer \"trace\": rate: \"5\" isn't a rate; give a rate with its unit"),
            ("trace:delay=0.3ns", "layer \"trace\": delay: \"0.3ns\" isn't a duration"),
            ("trace:buffer=9999999t", "layer \"trace\": buffer: \"9999999t\" isn't a size"),
            ("trace:ports=1x", "layer \"trace\": ports: \"1x\" isn't an integer"),
            ("trace:verbose=maybe", "layer \"trace\": verbose: \"maybe\" isn't yes or no; write yes or no"),
            ("trace:to=a,to=b", "layer \"trace\": to: is given 2 times"),
            ("trace:to=\"a", "layer \"trace\": column 10: the quote is not closed"),
            ("trace:to=[a", "layer \"trace\": column 10: the bracket is not closed"),
            ("trace:to=a]", "layer \"trace\": column 11: ']' without '['"),
            ("trace:to=a,,data=text", "layer \"trace\": column 12: nothing stands between two commas"),
            ("trace:", "layer \"trace\": nothing stands after ':'"),
            (":a=b", "layer \"\": column 1: the name is missing"),
            ("tr ace", "layer \"tr ace\": column 3: ' ' can't stand in a name"),
            ("trace=:a=b", "layer \"trace=\": column 7: the label is missing"),
            ("trace:password=@/nowhere/x", "layer \"trace\": password: /nowhere/x can't be opened"),
            ("trace:password=env:LAMINA_NOT_SET", "layer \"trace\": password: the environment has no LAMINA_NOT_SET"),
            ("trace:ports=env:HOME", "layer \"trace\": ports: takes no secret"),
            ("trace:when", "layer \"trace\": when: has no terms"),
            ("trace:when=prot=1", "layer \"trace\": when: \"prot\" is no term; did you mean \"port\"?"),
            ("trace:when=port=99999", "layer \"trace\": when: port: \"99999\" isn't one"),
            ("trace:when=net=10.0.0.0/33", "layer \"trace\": when: net: \"10.0.0.0/33\" isn't one"),
            ("trace:except=[port=1,port=2]", "layer \"trace\": except: port: stands twice in one condition"),
        ]
    )
    func refuses(text: String, message: String) {
        let error = #expect(throws: LaminaError.self) { try settings(text) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "accepted")")
    }

    @Test("A required setting must be given")
    func required() throws {
        let declared = [SettingDeclaration(name: "to", type: .text, isRequired: true)]
        let error = #expect(throws: LaminaError.self) {
            try Settings(of: LayerSpecification(parsing: "proxy"), declared: declared)
        }
        #expect(error?.description == "layer \"proxy\": to: must be given; write proxy:to=…")
        #expect(try LayerSpecification(parsing: "trace:required=no").required == false)
    }

    @Test("A number is written so that it reads back")
    func quantities() {
        for value: Int64 in [0, 1, 1000, 1024, 1_500_000, 3_600_000_000_000, 90_000_000_000, .max] {
            for quantity in [Quantity.integer, .size, .rate, .duration] {
                #expect(quantity.value(of: quantity.text(of: value)) == value)
            }
        }
        #expect(Quantity.size.value(of: "64k") == 65536)
        #expect(Quantity.size.value(of: "64KB") == 64000)
        #expect(Quantity.size.value(of: "1.5MiB") == 1_572_864)
        #expect(Quantity.rate.value(of: "100kb/s") == 800_000)
        #expect(Quantity.integer.value(of: "-0x10") == -16)
        #expect(Quantity.integer.value(of: "9223372036854775808") == nil)
        #expect(Quantity.duration.value(of: "") == nil)
    }
}

@Suite("Conditions")
struct SettingsConditionTests {
    func subject(
        _ address: String?,
        port: UInt16? = 443,
        name: String? = nil,
        program: String? = "/usr/bin/curl",
        direction: Direction = .out
    ) -> ConditionSubject {
        ConditionSubject(
            address: address.flatMap { NetworkAddress(parsing: $0) },
            port: port,
            name: name,
            program: program,
            direction: direction
        )
    }

    @Test("Each term holds for what it names and for nothing else")
    func terms() throws {
        func holds(_ text: String, _ subject: ConditionSubject) throws -> Bool? {
            try Condition(parsing: text).matches(subject)
        }
        #expect(try holds("net=10.0.0.0/9", subject("10.127.0.1")) == true)
        #expect(try holds("net=10.0.0.0/9", subject("10.128.0.1")) == false)
        #expect(try holds("net=10.0.0.0/9", subject("::ffff:10.1.1.1")) == true)
        #expect(try holds("net=fd00::/8", subject("fdff::1")) == true)
        #expect(try holds("net=fd00::/8", subject("10.0.0.1")) == false)
        #expect(try holds("net=0.0.0.0/0", subject("1.2.3.4")) == true)
        #expect(try holds("name=*.example.com", subject(nil, name: "WWW.Example.com.")) == true)
        #expect(try holds("name=*.example.com", subject(nil, name: "example.com")) == false)
        #expect(try holds("name=a*b?c", subject(nil, name: "axxbxbyc")) == true)
        #expect(try holds("port=80-90", subject("1.2.3.4", port: 90)) == true)
        #expect(try holds("port=80-90", subject("1.2.3.4", port: 91)) == false)
        #expect(try holds("port=80", subject("1.2.3.4", port: nil)) == false)
        #expect(try holds("program=curl", subject("1.2.3.4")) == true)
        #expect(try holds("program=/usr/bin/curl", subject("1.2.3.4")) == true)
        #expect(try holds("program=/bin/curl", subject("1.2.3.4")) == false)
        #expect(try holds("direction=in", subject("1.2.3.4", direction: .in)) == true)
        #expect(try holds("[port=443,name=*.org]", subject(nil, name: "a.org")) == true)
        #expect(try holds("[port=443,name=*.org]", subject(nil, port: 80, name: "a.org")) == false)
        #expect(try Condition(parsing: "[net=10.0.0.0/8,port=80-90]").description == "[net=10.0.0.0/8,port=80-90]")
    }

    @Test("What can't be decided links the level")
    func uncertain() throws {
        let layer = try LayerSpecification(parsing: "a:when=[net=10.0.0.0/8],when=[port=22],except=program=ssh")
        let known = layer.conditions
        #expect(known.apply(to: subject("10.1.1.1")))
        #expect(known.apply(to: subject("11.1.1.1", port: 22)))
        #expect(!known.apply(to: subject("11.1.1.1")))
        #expect(known.apply(to: subject(nil)))
        #expect(known.apply(to: subject("10.1.1.1", program: nil)))
        #expect(!known.apply(to: subject("10.1.1.1", program: "/usr/bin/ssh")))
        #expect(Conditions().apply(to: subject(nil)))
        let named = try LayerSpecification(parsing: "a:when=name=*.org").conditions
        #expect(!named.apply(to: subject("10.1.1.1")))
    }
}
