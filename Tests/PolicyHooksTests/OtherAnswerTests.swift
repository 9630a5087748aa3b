import CallModel
import PolicyEngine
import PolicyHooks
import TestSupport
import Testing

@Suite struct ParticipantPropertiesTests {
  private func read(_ result: String) -> AnswerReading {
    Fixture.read(.participantProperties, Fixture.success(result))
  }

  private func properties(_ result: String) -> ParticipantProperties? {
    if case .participant(.apply(let properties)) = read(result).verdict { properties } else { nil }
  }

  @Test func allFields() {
    var all = ParticipantProperties()
    all.preauthenticatedRole = .role(.guest)
    all.remoteAlias = "hidden"
    all.remoteDisplayName = "Caller 12"
    all.bypassesLock = true
    all.callTag = "t"
    all.canReceivePersonalMix = true
    all.disablesOverlayText = false
    all.displayCount = 2
    all.prefersMultiscreenMix = true
    all.layoutGroup = "g"
    all.spotlight = 3
    all.presentationPolicy = .deny
    all.wantsPresentationInMix = true
    all.receiveFromAudioMix = "main.french"
    all.sendToAudioMixes = [
      AudioMix(name: "main", isProminent: false), AudioMix(name: "main.a.b", isProminent: true),
    ]
    #expect(
      properties(
        #"{"preauthenticated_role":"guest","remote_alias":"hidden","remote_display_name":"Caller 12","bypass_lock":"True","call_tag":"t","can_receive_personal_mix":true,"disable_overlay_text":false,"display_count":"2","prefers_multiscreen_mix":true,"layout_group":"g","spotlight":3,"rx_presentation_policy":"DENY","wants_presentation_in_mix":true,"receive_from_audio_mix":"main.french","send_to_audio_mixes":[{"mix_name":"main"},{"mix_name":"main.a.b","prominent":true}]}"#
      ) == all)
  }

  @Test func nullKeepsThePromptAndChangesNothingElse() {
    var prompt = ParticipantProperties()
    prompt.preauthenticatedRole = .askForPIN
    #expect(
      properties(#"{"preauthenticated_role":null,"remote_display_name":null,"bypass_lock":null}"#) == prompt)
    #expect(read(#"{"remote_display_name":null}"#).verdict == .participant(.unchanged))
  }

  @Test(arguments: [
    (#""preauthenticated_role":"host""#, "preauthenticated_role"), (#""remote_alias":5"#, "remote_alias"),
    (#""remote_display_name":"a\nb""#, "remote_display_name"), (#""bypass_lock":1"#, "bypass_lock"),
    (#""call_tag":[]"#, "call_tag"), (#""can_receive_personal_mix":"x""#, "can_receive_personal_mix"),
    (#""disable_overlay_text":{}"#, "disable_overlay_text"), (#""display_count":65"#, "display_count"),
    (#""prefers_multiscreen_mix":"x""#, "prefers_multiscreen_mix"), (#""layout_group":1"#, "layout_group"),
    (#""spotlight":-1"#, "spotlight"), (#""rx_presentation_policy":"deny""#, "rx_presentation_policy"),
    (#""wants_presentation_in_mix":"x""#, "wants_presentation_in_mix"),
    (#""receive_from_audio_mix":"a.b.c.d""#, "receive_from_audio_mix"),
    (#""receive_from_audio_mix":"main.""#, "receive_from_audio_mix"),
    (#""send_to_audio_mixes":{}"#, "send_to_audio_mixes"),
    (#""send_to_audio_mixes":[{}]"#, "send_to_audio_mixes[0].mix_name"),
    (#""send_to_audio_mixes":[{"mix_name":"a","prominent":"x"}]"#, "send_to_audio_mixes[0].prominent"),
  ]) func wrongFields(_ field: String, _ path: String) {
    let reading = read("{\(field),\"remote_alias2\":1}")
    #expect(reading.errors == ["result.\(path)"])
    #expect(reading.notes == ["result.remote_alias2"])
    #expect(reading.verdict == .participant(.unchanged))
    #expect(reading.outcome == .invalid)
  }
}

@Suite struct AvatarImageTests {
  /// A JPEG as its markers go: start, a comment with what looks like markers, frame header, scan, end.
  private func jpeg(
    width: Int = 4, height: Int = 3, components: UInt8 = 3, frame: UInt8 = 0xc0, tail: [UInt8] = [0xff, 0xd9]
  ) -> [UInt8] {
    var bytes: [UInt8] = [0xff, 0xd8, 0xff, 0xfe, 0, 6, 0xff, 0xc0, 0xff, 0xd9]
    bytes += [0xff, 0xff, frame, 0, 8 + 3 * components, 8]
    bytes += [UInt8(height >> 8), UInt8(height & 255), UInt8(width >> 8), UInt8(width & 255), components]
    for i in 0..<components { bytes += [i, 0x11, 0] }
    bytes += [0xff, 0xda, 0, 2, 0x12, 0xff, 0x00, 0x34]
    return bytes + tail
  }

  private func read(_ body: [UInt8], status: Int = 200) -> AnswerReading {
    AnswerReading(HTTPAnswer(status: status, body: body), to: Fixture.request(.avatar), Fixture.context)
  }

  @Test(arguments: [0xc0, 0xc1, 0xc2] as [UInt8]) func pictures(_ frame: UInt8) {
    let bytes = jpeg(frame: frame)
    #expect(read(bytes).verdict == .avatar(AvatarImage(bytes: bytes, width: 4, height: 3)))
    #expect(read(bytes).outcome == .used)
    #expect(read(bytes + [0x0a]).outcome == .used)
  }

  @Test func whatIsNoPictureOfThatSize() {
    #expect(read(jpeg(width: 5)).findings.map(\.description) == ["the picture is 5×3, asked for was 4×3"])
    #expect(read(jpeg(components: 4)).findings.map(\.description) == ["the picture is CMYK"])
    #expect(read(jpeg(components: 1)).findings.map(\.description) == ["the picture is not RGB"])
    for bytes in [
      [], [0xff], Array("{\"status\":\"success\"}".utf8), [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a],
      jpeg(tail: []), jpeg(frame: 0xc3), jpeg(frame: 0xc9), [0xff, 0xd8, 0xff, 0xd9],
      [0xff, 0xd8, 0xff, 0xda, 0, 2, 0xff, 0xd9], [0xff, 0xd8, 0xff, 0xfe, 0, 1, 0xff, 0xd9],
      [0xff, 0xd8, 0xff, 0xc0, 0, 4, 8, 0, 0xff, 0xd9], [0xff, 0xd8, 0xff, 0xff, 0xff],
    ] {
      let reading = read(bytes)
      #expect(reading.verdict == .avatar(nil))
      #expect(reading.outcome == .invalid)
      #expect(reading.findings.count == 1)
    }
    #expect(
      read(jpeg(), status: 404)
        == AnswerReading(
          HTTPAnswer(status: 404, body: []), to: Fixture.request(.avatar), Fixture.context))
    #expect(read(jpeg(), status: 404).outcome == .notMine)
  }

  @Test func everyCutAndEveryFlippedByteIsSurvived() {
    let bytes = jpeg()
    for count in bytes.indices { #expect(read(Array(bytes[..<count])).outcome == .invalid) }
    for i in bytes.indices {
      for value in [0, 0xff, 0xc0, 0xda, bytes[i] ^ 1] as [UInt8] {
        var changed = bytes
        changed[i] = value
        _ = read(changed)
      }
    }
  }
}

@Suite struct AnswerEncodingTests {
  @Test func compressedAnswersWereNotAskedFor() {
    let body = Array(Fixture.success(Fixture.conference()).utf8)
    for (encoding, outcome) in [
      (nil, PolicyOutcome.used), ("", .used), ("identity", .used), ("Identity", .used), ("gzip", .invalid),
      ("br", .invalid),
    ] {
      let reading = AnswerReading(
        HTTPAnswer(status: 200, contentEncoding: encoding, body: body),
        to: Fixture.request(.serviceConfiguration), Fixture.context)
      #expect(reading.outcome == outcome)
    }
  }

  @Test func otherCharacterSetsAreNotJSON() {
    for body in [
      Array(Fixture.success(Fixture.conference()).utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }),
      Array(Fixture.success(Fixture.conference(#""description":"#)).utf8) + [0x22, 0xe5, 0x22, 0x7d, 0x7d],
    ] {
      let reading = AnswerReading(
        HTTPAnswer(status: 200, body: body), to: Fixture.request(.serviceConfiguration), Fixture.context)
      #expect(reading.outcome == .invalid)
      #expect(reading.errors == [""])
    }
  }

  /// Whatever a server sends, reading it ends in a verdict.
  @Test(arguments: PolicyRequestKind.allCases) func damagedAnswersNeverTrap(_ kind: PolicyRequestKind) {
    let text = Array(
      Fixture.success(
        Fixture.conference(
          #""pin":"1234","guest_pin":"5678","allow_guests":true,"automatic_participants":[{\#(ServiceValidationTests.recorder)}],"max_callrate_in":128000,"on_completion":"{}","location":"North","username":"a","password":"b""#
        )
      ).utf8)
    var generator = SplitMix(seed: 1)
    for _ in 0..<2_000 {
      var damaged = text
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !damaged.isEmpty {
        let i = Int.random(in: damaged.indices, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: damaged[i] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: damaged.remove(at: i)
        case 2:
          damaged.insert(contentsOf: Array("{[]}\",:1".utf8).shuffled(using: &generator).prefix(2), at: i)
        default: damaged.replaceSubrange(i..., with: damaged[i...].reversed())
        }
      }
      let reading = AnswerReading(
        HTTPAnswer(status: 200, body: damaged), to: Fixture.request(kind), Fixture.context)
      if reading.outcome == .invalid { #expect(!reading.findings.isEmpty) }
      if reading.outcome == .used { #expect(reading.errors.isEmpty) }
    }
  }
}

/// Seeded, so that a failure can be seen again.
