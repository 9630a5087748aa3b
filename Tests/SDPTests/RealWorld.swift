/// Offers in the form in which common peers write them.
enum RealWorld {
  static let all: [(name: String, text: String)] = [
    ("baresip", baresip), ("linphone", linphone), ("chrome", chrome), ("video endpoint", videoEndpoint),
    ("cisco", cisco), ("skype for business", skypeForBusiness), ("asterisk", asterisk), ("sipp", sipp),
    ("t38", t38), ("torture", torture), ("torture IPv6", tortureIPv6),
  ]

  static let baresip = """
    v=0
    o=- 3723487238 1184983341 IN IP4 192.0.2.30
    s=-
    c=IN IP4 192.0.2.30
    t=0 0
    a=tool:baresip 1.1.0
    m=audio 26710 RTP/AVP 96 9 0 8 101
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 stereo=1;sprop-stereo=1
    a=rtpmap:9 G722/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    a=rtcp:26711
    a=sendrecv
    a=label:1
    a=rtcp-rsize
    a=ssrc:1439082305 cname:a@example.org
    a=ptime:20
    m=video 27364 RTP/AVP 97
    b=AS:512
    a=rtpmap:97 H264/90000
    a=fmtp:97 packetization-mode=0;profile-level-id=42001f;usedtx=0
    a=framerate:30.00
    a=rtcp:27365
    a=sendrecv
    a=rtcp-fb:* nack
    a=rtcp-fb:* nack pli
    a=label:2

    """

  static let linphone = """
    v=0
    o=bob 1735 2364 IN IP4 192.0.2.40
    s=Talk
    c=IN IP4 192.0.2.40
    b=AS:380
    t=0 0
    a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics
    m=audio 7078 RTP/AVPF 96 97 98 0 8 18 101 99
    a=rtpmap:96 opus/48000/2
    a=fmtp:96 useinbandfec=1
    a=rtpmap:97 speex/16000
    a=fmtp:97 vbr=on
    a=rtpmap:98 speex/8000
    a=fmtp:98 vbr=on
    a=fmtp:18 annexb=yes
    a=rtpmap:101 telephone-event/48000
    a=rtpmap:99 telephone-event/8000
    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
    a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj
    a=crypto:3 AES_256_CM_HMAC_SHA1_80 inline:AAAA
    a=rtcp-fb:* trr-int 1000
    a=rtcp-fb:* ccm tmmbr
    m=video 9078 RTP/AVPF 96
    a=rtpmap:96 VP8/90000
    a=rtcp-fb:* trr-int 1000
    a=rtcp-fb:96 nack pli
    a=rtcp-fb:96 nack sli
    a=rtcp-fb:96 ack rpsi
    a=rtcp-fb:96 ccm fir

    """

  static let chrome = """
    v=0
    o=- 4611731400430051336 2 IN IP4 127.0.0.1
    s=-
    t=0 0
    a=group:BUNDLE 0 1
    a=extmap-allow-mixed
    a=msid-semantic: WMS 7c1d3c
    m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
    c=IN IP4 0.0.0.0
    a=rtcp:9 IN IP4 0.0.0.0
    a=candidate:1467250027 1 udp 2122260223 192.0.2.50 46243 typ host generation 0
    a=ice-ufrag:F7gI
    a=ice-pwd:x9cml6YzichV2+XlhiMu8g5E
    a=ice-options:trickle
    a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E
    a=setup:actpass
    a=mid:0
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
    a=sendrecv
    a=msid:7c1d3c 1a2b
    a=rtcp-mux
    a=rtpmap:111 opus/48000/2
    a=rtcp-fb:111 transport-cc
    a=fmtp:111 minptime=10;useinbandfec=1
    a=rtpmap:63 red/48000/2
    a=fmtp:63 111/111
    a=rtpmap:9 G722/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
    a=rtpmap:13 CN/8000
    a=rtpmap:110 telephone-event/48000
    a=rtpmap:126 telephone-event/8000
    a=ssrc:3735928559 cname:abc
    m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104 98
    c=IN IP4 0.0.0.0
    a=rtcp:9 IN IP4 0.0.0.0
    a=ice-ufrag:F7gI
    a=ice-pwd:x9cml6YzichV2+XlhiMu8g5E
    a=fingerprint:sha-256 49:66:12:17:0D:1C:91:AE:57:4C:C6:36:DD:D5:97:D2:7D:62:C9:9A:7F:B9:A3:F4:70:03:E7:43:91:73:23:5E
    a=setup:actpass
    a=mid:1
    a=sendrecv
    a=rtcp-mux
    a=rtcp-rsize
    a=rtpmap:96 VP8/90000
    a=rtcp-fb:96 goog-remb
    a=rtcp-fb:96 nack pli
    a=rtpmap:97 rtx/90000
    a=fmtp:97 apt=96
    a=rtpmap:103 H264/90000
    a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
    a=rtpmap:104 rtx/90000
    a=fmtp:104 apt=103
    a=rtpmap:98 VP9/90000
    a=fmtp:98 profile-id=0

    """

  /// A room system: main picture, presentation, floor control, camera control.
  static let videoEndpoint = """
    v=0
    o=GroupSeries 1456 0 IN IP4 192.0.2.60
    s=-
    c=IN IP4 192.0.2.60
    b=AS:1920
    t=0 0
    a=sendrecv
    m=audio 3230 RTP/AVP 115 114 9 18 8 0 101
    a=rtpmap:115 G7221/32000
    a=fmtp:115 bitrate=48000
    a=rtpmap:114 G7221/16000
    a=fmtp:114 bitrate=32000
    a=rtpmap:9 G722/8000
    a=rtpmap:18 G729/8000
    a=fmtp:18 annexb=no
    a=rtpmap:8 PCMA/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    m=video 3232 RTP/AVP 109 110 34 31
    b=TIAS:1920000
    a=rtpmap:109 H264/90000
    a=fmtp:109 profile-level-id=428014; max-mbps=245760; max-fs=8160; packetization-mode=1
    a=rtpmap:110 H264/90000
    a=fmtp:110 profile-level-id=428014; max-mbps=245760; max-fs=8160
    a=rtpmap:34 H263/90000
    a=fmtp:34 CIF4=1;CIF=1;QCIF=1
    a=rtcp-fb:* ccm fir tmmbr
    a=content:main
    a=label:11
    m=application 3234 RTP/AVP 100
    a=rtpmap:100 H224/4800
    m=video 3236 RTP/AVP 109
    b=TIAS:768000
    a=rtpmap:109 H264/90000
    a=fmtp:109 profile-level-id=428014; packetization-mode=1
    a=content:slides
    a=label:12
    m=application 3238 UDP/BFCP *
    a=floorctrl:c-s
    a=confid:1
    a=userid:2
    a=floorid:1 mstrm:12
    a=setup:actpass
    a=connection:new

    """

  static let cisco = """
    v=0
    o=CiscoSystemsCCM-SIP 2000 1 IN IP4 192.0.2.70
    s=SIP Call
    c=IN IP4 192.0.2.70
    b=TIAS:64000
    b=CT:64
    b=AS:64
    t=0 0
    m=audio 19148 RTP/SAVP 9 0 101
    a=crypto:1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw==
    a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz
    a=rtpmap:9 G722/8000
    a=rtpmap:0 PCMU/8000
    a=ptime:20
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-15
    m=video 0 RTP/SAVP 31 34 96 97
    b=TIAS:384000

    """

  static let skypeForBusiness = """
    v=0
    o=- 0 0 IN IP4 192.0.2.80
    s=session
    c=IN IP4 192.0.2.80
    b=CT:99980
    t=0 0
    a=x-devicecaps:audio:send,recv;video:send,recv
    m=audio 50040 RTP/SAVP 117 104 114 9 112 111 0 103 8 116 115 97 13 118 101
    a=x-ssrc-range:1000-1000
    a=rtcp-fb:* x-message app send:dsh recv:dsh
    a=rtcp-rsize
    a=label:main-audio
    a=x-source:main-audio
    a=ice-ufrag:5RLo
    a=ice-pwd:2xhuXUF3v3eIVTIVFeJQEsAe
    a=candidate:1 1 UDP 2130706431 192.0.2.80 50040 typ host
    a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^31|1:1
    a=maxptime:200
    a=rtcp:50041
    a=rtpmap:117 G722/8000/2
    a=rtpmap:104 SILK/16000
    a=fmtp:104 useinbandfec=1; usedtx=0
    a=rtpmap:114 x-msrta/16000
    a=fmtp:114 bitrate=29000
    a=rtpmap:9 G722/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-16
    a=ptime:20
    m=video 50046 RTP/SAVP 122 121 123
    a=x-caps:121 263:1920:1080:30.0:2000000:1
    a=rtpmap:122 X-H264UC/90000
    a=fmtp:122 packetization-mode=1;mst-mode=NI-TC
    a=rtpmap:121 x-rtvc1/90000
    a=rtpmap:123 x-ulpfecuc/90000
    a=label:main-video
    m=applicationsharing 0 TCP/RTP/SAVP 127
    a=x-applicationsharing-role:viewer

    """

  static let asterisk = """
    v=0
    o=- 2042218553 2042218553 IN IP6 2001:db8::20
    s=Asterisk
    c=IN IP6 2001:db8::20
    t=0 0
    m=audio 15208 RTP/AVP 8 0 101
    a=rtpmap:8 PCMA/8000
    a=rtpmap:0 PCMU/8000
    a=rtpmap:101 telephone-event/8000
    a=fmtp:101 0-16
    a=ptime:20
    a=maxptime:150
    a=sendrecv

    """

  static let sipp = """
    v=0
    o=user1 53655765 2353687637 IN IP4 127.0.0.1
    s=-
    c=IN IP4 127.0.0.1
    t=0 0
    m=audio 6000 RTP/AVP 0
    a=rtpmap:0 PCMU/8000

    """

  static let t38 = """
    v=0
    o=gw 1 2 IN IP4 192.0.2.90
    s=-
    c=IN IP4 192.0.2.90
    t=0 0
    m=image 4400 udptl t38
    a=T38FaxVersion:0
    a=T38MaxBitRate:14400
    a=T38FaxRateManagement:transferredTCF
    a=T38FaxUdpEC:t38UDPRedundancy

    """

  /// The body of RFC 4475 §3.1.1.1.
  static let torture = """
    v=0
    o=mhandley 29739 7272939 IN IP4 192.0.2.3
    s=-
    c=IN IP4 192.0.2.4
    t=0 0
    m=audio 49217 RTP/AVP 0 12
    m=video 3227 RTP/AVP 31
    a=rtpmap:31 LPC

    """

  /// The body of RFC 5118 §4.7 and §4.8: families mixed, and an IPv4 address mapped into IPv6.
  static let tortureIPv6 = """
    v=0
    o=assistant 971731711378798081 0 IN IP6 2001:db8::20
    s=Live video feed for today's meeting
    c=IN IP6 ::ffff:192.0.2.2
    t=3338481189 3370017201
    m=audio 6000 RTP/AVP 2
    a=rtpmap:2 G726-32/8000
    m=video 6024 RTP/AVP 107
    c=IN IP4 192.0.2.1
    a=rtpmap:107 H263-1998/90000

    """
}
