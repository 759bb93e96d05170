// Words of what the sensor sees and of setting up a mirror port: English and Dutch side by side. Steps stand one a line;
// what is typed or read literally stands between backquotes.

export default {
  "sees.note.doubled": ["each frame comes twice", "elk frame komt twee keer"],
  "sees.note.tagged": ["with VLAN tags", "met VLAN-tags"],
  "sees.note.pppoe": ["inside PPPoE", "binnen PPPoE"],
  "sight.todo": ["what to do", "wat te doen"],
  "sight.open": ["What this means, and how to set up a mirror port", "Wat dit betekent, en hoe u een spiegelpoort instelt"],
  "sight.title": ["What this sensor sees", "Wat deze sensor ziet"],
  "sight.mirror": [
    "It sees what others say to each other, both ways: nothing needs doing.",
    "Hij ziet wat anderen met elkaar uitwisselen, in beide richtingen: u hoeft niets te doen.",
  ],
  "sight.one_way": [
    "It sees others’ connections in one direction only. Many attacks show in the answers. Set the mirror to “both” (receive and transmit, ingress and egress); of two mirrored ports, mirror the one to the router alone.",
    "Hij ziet verbindingen van anderen in één richting. Veel aanvallen zijn juist aan de antwoorden te zien. Zet de spiegeling op “both” (ontvangen en verzenden, ingress en egress); spiegel van twee poorten alleen die naar de router.",
  ],
  "sight.own": [
    "It sees its own traffic and what is sent to everyone. It notices who is there, rogue DHCP and ARP tricks; scans, guessed passwords and traffic to the Internet stay unseen. It has to be on a mirror port.",
    "Hij ziet alleen zijn eigen verkeer en wat aan iedereen gericht is. Hij merkt wie er is, valse DHCP en ARP-trucs; scans, geraden wachtwoorden en verkeer met het internet blijven onzichtbaar. Hij moet op een spiegelpoort.",
  ],
  "sight.silent": [
    "Nothing reaches it for a minute. Check the cable, that the interface is up, and that the switch sends something to this port: some mirror ports send nothing until mirroring is switched on.",
    "Er komt al een minuut niets binnen. Controleer de kabel, of de interface aan staat, en of de switch iets naar deze poort stuurt: sommige spiegelpoorten zwijgen tot de spiegeling aan staat.",
  ],
  "sight.unknown": [
    "It takes about a minute of traffic to say what it sees.",
    "Na ongeveer een minuut verkeer is te zeggen wat hij ziet.",
  ],
  "sight.note.doubled": [
    "Each frame comes twice, so bytes and packets count double. Both ends of the same path are mirrored: mirror the port to the router only, or set several mirrored ports to “ingress” alone.",
    "Elk frame komt twee keer, dus bytes en pakketten tellen dubbel. Beide uiteinden van dezelfde weg worden gespiegeld: spiegel alleen de poort naar de router, of zet meerdere gespiegelde poorten op alleen “ingress”.",
  ],
  "sight.note.tagged": [
    "The frames carry VLAN tags: the mirrored port is a trunk. netmonitor reads through them, and tells the networks apart.",
    "De frames dragen VLAN-tags: de gespiegelde poort is een trunk. netmonitor leest erdoorheen en houdt de netwerken uit elkaar.",
  ],
  "sight.note.pppoe": [
    "The frames are of a PPPoE session: the mirror stands between router and modem. There all devices share one address; put it on the inside of the router to see them apart.",
    "De frames horen bij een PPPoE-sessie: de spiegeling zit tussen router en modem. Daar delen alle apparaten één adres; zet de spiegeling aan de binnenkant van de router om ze te onderscheiden.",
  ],
  "sight.gateway": [
    "Your router here is {name}, made by {vendor}.",
    "Uw router is hier {name}, gemaakt door {vendor}.",
  ],
  "sight.how": ["Setting up a mirror port", "Een spiegelpoort instellen"],
  "sight.cable": [
    "Put a switch that can mirror between the router and the rest: the router in one port, this sensor in another. Mirror the router’s port, both directions, to the sensor’s port. Menus differ a little by version.",
    "Zet een switch die kan spiegelen tussen de router en de rest: de router in de ene poort, deze sensor in een andere. Spiegel de poort van de router, in beide richtingen, naar die van de sensor. Menu’s verschillen soms per versie.",
  ],
  "sight.yours": ["yours, it seems", "lijkt de uwe"],
  "sight.check": [
    "A minute after the change this page says what it sees then.",
    "Een minuut na de wijziging vertelt deze pagina wat hij dan ziet.",
  ],
  "sight.counters": ["Every counter of capture", "Alle tellers van de opname"],

  "way.netgear": ["Netgear GS305E, GS308E", "Netgear GS305E, GS308E"],
  "way.netgear.steps": [
    "Open the address of the switch in a browser and log in.\nGo to System > Monitoring > Mirroring (newer: Diagnostics > Port Mirroring).\nSource port: the router’s. Destination port: the sensor’s.\nMirroring: Enable, then Apply.",
    "Open het adres van de switch in een browser en log in.\nGa naar System > Monitoring > Mirroring (nieuwer: Diagnostics > Port Mirroring).\nSource port: die van de router. Destination port: die van de sensor.\nMirroring: Enable, dan Apply.",
  ],
  "way.tplink": ["TP-Link TL-SG105E, TL-SG108E", "TP-Link TL-SG105E, TL-SG108E"],
  "way.tplink.steps": [
    "Open the address of the switch (or the Easy Smart utility) and log in.\nGo to Monitoring > Port Mirror.\nPort Mirror: Enable. Mirroring Port: the sensor’s. Apply.\nMirrored Port: the router’s, Ingress and Egress both Enable. Apply.",
    "Open het adres van de switch (of het programma Easy Smart) en log in.\nGa naar Monitoring > Port Mirror.\nPort Mirror: Enable. Mirroring Port: die van de sensor. Apply.\nMirrored Port: die van de router, Ingress en Egress allebei Enable. Apply.",
  ],
  "way.zyxel": ["Zyxel GS1200", "Zyxel GS1200"],
  "way.zyxel.steps": [
    "Open the address of the switch in a browser and log in.\nGo to Management > Mirroring (in some versions just Mirroring).\nSwitch it on. Monitor port: the sensor’s. Mirrored port: the router’s, direction Both.\nApply.",
    "Open het adres van de switch in een browser en log in.\nGa naar Management > Mirroring (in sommige versies alleen Mirroring).\nZet het aan. Monitor port: die van de sensor. Mirrored port: die van de router, richting Both.\nApply.",
  ],
  "way.dlink": ["D-Link DGS-1100", "D-Link DGS-1100"],
  "way.dlink.steps": [
    "Open the address of the switch in a browser and log in.\nGo to Port Mirroring (under L2 Features or Monitoring).\nEnable. Target port: the sensor’s.\nSource port: the router’s, direction Both. Apply, then Save.",
    "Open het adres van de switch in een browser en log in.\nGa naar Port Mirroring (onder L2 Features of Monitoring).\nEnable. Target port: die van de sensor.\nSource port: die van de router, richting Both. Apply, dan Save.",
  ],
  "way.unifi": ["Ubiquiti UniFi switch", "Ubiquiti UniFi-switch"],
  "way.unifi.steps": [
    "In UniFi Network open the switch, then Port Manager.\nChoose the sensor’s port and set Operation to Mirroring (under Advanced: Manual).\nMirrored port: the one to the gateway. Apply.",
    "Open in UniFi Network de switch, dan Port Manager.\nKies de poort van de sensor en zet Operation op Mirroring (onder Advanced: Manual).\nGespiegelde poort: die naar de gateway. Apply.",
  ],
  "way.mikrotik": ["MikroTik, RouterOS and SwOS", "MikroTik, RouterOS en SwOS"],
  "way.mikrotik.steps": [
    "RouterOS, router port `ether1`, sensor `ether5`: `/interface ethernet switch set switch1 mirror-source=ether1 mirror-target=ether5`\nNewer RouterOS on switches: `/interface/ethernet/switch/set switch1 mirror-target=ether5`, then `/interface/ethernet/switch/port/set ether1 mirror-ingress=yes mirror-egress=yes`\nSwOS: tab Forwarding, tick Mirror Ingress and Mirror Egress of the router’s port, and choose the sensor’s under Mirror To. Apply All.",
    "RouterOS, router op `ether1`, sensor op `ether5`: `/interface ethernet switch set switch1 mirror-source=ether1 mirror-target=ether5`\nNieuwere RouterOS op switches: `/interface/ethernet/switch/set switch1 mirror-target=ether5`, dan `/interface/ethernet/switch/port/set ether1 mirror-ingress=yes mirror-egress=yes`\nSwOS: tabblad Forwarding, vink Mirror Ingress en Mirror Egress van de routerpoort aan, en kies die van de sensor bij Mirror To. Apply All.",
  ],
  "way.openwrt": ["OpenWrt router", "OpenWrt-router"],
  "way.openwrt.steps": [
    "Take the sensor’s port, say `lan4`, out of the bridge `br-lan` (Network > Interfaces > Devices) and leave it up without an address.\nInstall `tc-full` and `kmod-sched-core`.\nRun `tc qdisc add dev br-lan clsact`\nRun `tc filter add dev br-lan ingress matchall action mirred egress mirror dev lan4`\nRun the same with `egress` in the place of `ingress`. Add the three lines to System > Startup > Local Startup.",
    "Haal de poort van de sensor, bijvoorbeeld `lan4`, uit de bridge `br-lan` (Netwerk > Interfaces > Apparaten) en laat hem aan staan zonder adres.\nInstalleer `tc-full` en `kmod-sched-core`.\nVoer uit: `tc qdisc add dev br-lan clsact`\nVoer uit: `tc filter add dev br-lan ingress matchall action mirred egress mirror dev lan4`\nVoer dezelfde regel uit met `egress` op de plaats van het eerste `ingress`. Zet de drie regels in Systeem > Opstarten > Lokaal opstarten.",
  ],
  "way.fritz": ["FRITZ!Box", "FRITZ!Box"],
  "way.fritz.steps": [
    "A FRITZ!Box cannot mirror a port. (Its page `fritz.box/html/capture.html` records to a file only: good for `netmonitor replay`, not for watching.)\nPut a small switch that mirrors, such as one of the above, between the FRITZ!Box and the cabled devices.\nDevices on the FRITZ!Box’s own Wi-Fi do not pass that switch: to see them too, use an access point behind the switch.",
    "Een FRITZ!Box kan geen poort spiegelen. (De pagina `fritz.box/html/capture.html` neemt alleen op naar een bestand: goed voor `netmonitor replay`, niet om mee te kijken.)\nZet een kleine switch die kan spiegelen, zoals een van de bovenstaande, tussen de FRITZ!Box en de bekabelde apparaten.\nApparaten op de wifi van de FRITZ!Box zelf gaan niet langs die switch: gebruik een toegangspunt achter de switch om ze ook te zien.",
  ],
  "way.managed": ["Cisco, HP and other managed switches", "Cisco, HP en andere beheerde switches"],
  "way.managed.steps": [
    "Cisco IOS: `monitor session 1 source interface Gi1/0/1 both` and `monitor session 1 destination interface Gi1/0/24`\nHP/Aruba (ArubaOS-Switch): `mirror 1 port 24` and `interface 1 monitor all both mirror 1`\nHP Comware: `mirroring-group 1 local`, `mirroring-group 1 mirroring-port GigabitEthernet 1/0/1 both`, `mirroring-group 1 monitor-port GigabitEthernet 1/0/24`\nHere the router is on port 1 and the sensor on port 24. Save the configuration.",
    "Cisco IOS: `monitor session 1 source interface Gi1/0/1 both` en `monitor session 1 destination interface Gi1/0/24`\nHP/Aruba (ArubaOS-Switch): `mirror 1 port 24` en `interface 1 monitor all both mirror 1`\nHP Comware: `mirroring-group 1 local`, `mirroring-group 1 mirroring-port GigabitEthernet 1/0/1 both`, `mirroring-group 1 monitor-port GigabitEthernet 1/0/24`\nHier zit de router op poort 1 en de sensor op poort 24. Bewaar de configuratie.",
  ],
  "way.tap": ["A network tap", "Een netwerktap"],
  "way.tap.steps": [
    "Put the tap in the cable between router and switch, and its monitor port to the sensor.\nA tap that gives each direction on a port of its own needs two interfaces on the sensor: name both in `capture.interfaces`.\nA tap that joins both directions on one port is limited to the speed of that port.",
    "Zet de tap in de kabel tussen router en switch, en de monitorpoort aan de sensor.\nEen tap die elke richting op een eigen poort geeft, vraagt twee interfaces op de sensor: noem beide in `capture.interfaces`.\nEen tap die beide richtingen op één poort samenvoegt, is begrensd door de snelheid van die poort.",
  ],
};
